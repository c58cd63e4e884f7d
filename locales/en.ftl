### The words of the pages, in English. docs/languages.md says how they are written.
###
### A comment says what a message is given: $name (Number), (String) or (Time), and <name> (Link) for a part that is a
### link. Every other language has the same messages, with the same names.

## The frame of every page

language-name = English
page-language = Language
skip-to-content = Skip to content
signed-in-as = Signed in as
sign-out = Sign out

## Times. They continue a sentence, as in "Signed in 5 minutes ago".

just-now = just now
# $count (Number)
minutes-ago = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
}
# $count (Number)
hours-ago = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
}
# $count (Number)
days-ago = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
}
in-a-moment = in a moment
# $count (Number)
in-minutes = { $count ->
    [one] in { $count } minute
   *[other] in { $count } minutes
}
# $count (Number)
in-hours = { $count ->
    [one] in { $count } hour
   *[other] in { $count } hours
}
# $count (Number)
in-days = { $count ->
    [one] in { $count } day
   *[other] in { $count } days
}
active-now = Active now
# $ago (String) - "5 minutes ago"
active-ago = Active { $ago }
inactive-for-long = Inactive for 90+ days
# $day (String) - "28"
# $month (Number) - from 1 to 12
# $year (String) - "2026"
# $time (String) - "11:50"
exact-time = { $day } { $month ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
} { $year }, { $time } UTC

# Once on a page with times, which are in UTC where its script does not run.
times-are-in-utc = Times are in UTC.
# $zone (String) - "Europe/Berlin"
times-are-in-zone = Times are in your time zone, { $zone }.

## Where an address is

# Above the addresses that a session was used from.
addresses-heading = IP addresses
# $first (Time) - "28 January 2026, 11:50 UTC"
# $last (Time)
used-between = { $first } to { $last }
# $when (Time)
used-once = { $when }

# $city (String) - "Berlin"
# $country (String) - "Germany"
city-in-country = { $city }, { $country }
private-network = Private network
# Once on a page with places.
places-are-estimates = Places are estimated from addresses, and may be wrong.

## What devices are called

# $browser (String) - "Firefox 140"
# $system (String) - "Android 15"
browser-on-system = { $browser } on { $system }
in-app-browser = In-app browser
# A session that its owner has named, in lists and messages.
# $name (String) - "Work laptop"
# $device (String) - "Firefox 140 on Linux"
named-device = { $name } ({ $device })
# $system (String)
system-computer = { $system } computer
# $system (String)
system-phone = { $system } phone
# $system (String)
system-tablet = { $system } tablet
# $system (String)
system-television = { $system } TV
# $system (String)
system-console = { $system } game console
# $system (String)
system-car = { $system } car
# $system (String)
system-headset = { $system } headset
# $system (String)
system-watch = { $system } watch
# $system (String)
system-e-reader = { $system } e-reader
# $system (String)
system-program = { $system } program
# $system (String)
system-bot = { $system } bot
# $system (String)
system-device = { $system } device
unknown-computer = Unknown computer
unknown-phone = Unknown phone
unknown-tablet = Unknown tablet
unknown-television = Unknown TV
unknown-console = Unknown game console
unknown-car = Unknown car
unknown-headset = Unknown headset
unknown-watch = Unknown watch
unknown-e-reader = Unknown e-reader
unknown-program = Unknown program
unknown-bot = Unknown bot
unknown-device = Unknown device
kind-computer = Computer
kind-phone = Phone
kind-tablet = Tablet
kind-television = TV
kind-console = Game console
kind-car = Car
kind-headset = Headset
kind-watch = Watch
kind-e-reader = E-reader
kind-program = Program
kind-bot = Bot
kind-unknown = Unknown

## Why a session ended, and what let it in

end-signed-out = Signed out
end-revoked = Revoked from another device
end-revoked-by-admin = Revoked by an administrator
end-password-changed = Password changed
end-idle-timeout = Timed out after inactivity
end-absolute-timeout = Reached its time limit
end-replaced = Replaced by a newer sign-in
end-account-disabled = Account disabled
end-other = Ended
way-in-password = Password
way-in-one-time-password = One-time password
way-in-registration = Link that created the account
way-in-reset = Link for a new password
way-in-invitation = Invitation
# $password (String) - "Password"
way-in-with-totp = { $password } and a code of the app
# $password (String) - "Password"
way-in-with-recovery-code = { $password } and a recovery code
# $password (String) - "Password"
way-in-with-passkey = { $password } and a passkey
# $password (String) - "Password"
way-in-on-trusted-browser = { $password }, on a browser that needs no code
way-in-application = The application itself
way-in-peer = Another application
way-in-unknown = Not recorded

## Your devices

your-devices = Your devices
account-pages = Account
tab-active = Active
tab-history = History
tab-activity = Activity
tab-security = Security
# <password> (Link) - the page that changes the password
breached-password-warning = Your password appears in a list of leaked passwords, which attackers try first. <password>Choose another password</password> here, and everywhere else you use the old one.
# $when (Time) - "5 minutes ago"
# <activity> (Link) - the page with the activity of the account
bound-refused-warning = Another browser tried to use one of your sessions { $when }. It was refused, because the session is bound to the browser that signed in. Someone may have copied its cookies: <activity>check your activity</activity>.
# $count (Number)
active-sessions = { $count ->
    [one] { $count } active session
   *[other] { $count } active sessions
}
# $count (Number)
active-sessions-or-more = { $count }+ active sessions
change-password = Change password
devices-hint = These devices are signed in to your account. If you don’t recognise one, revoke it: it is signed out immediately.
this-device = This device
other-devices = Other devices
no-more-devices = No more devices are signed in.
no-other-devices = No other devices are signed in.
later-devices = Devices you sign in on later will appear here.
too-many-to-sort = There are too many devices to put the most recently active first.
# $when (Time) - "5 minutes ago"
signed-in-when = Signed in { $when }
# $when (Time) - "in 23 hours"
expires-when = Expires { $when }
# $when (Time) - "in 23 hours"
expires-when-unused = Expires { $when } if not used
# Follows "Sign out", for screen readers.
sign-out-this-device = this device
revoke = Revoke
details = Details
# Follows "Details" and the like, for screen readers.
# $device (String) - "Firefox 140 on Linux"
of-device = of { $device }
fact-type = Type
fact-signed-in = Signed in
fact-signed-in-by = Signed in by
fact-address = IP address
fact-place = Place
# The owner of the network.
fact-network = Network
fact-last-active = Last active
fact-ended = Ended
fact-expires = Expires
# $when (Time) - "28 January 2026, 11:50 UTC"
exactly-if-unused = { $when } if not used
fact-remembered = Keep me signed in
fact-bound = Bound to its browser
bound-to-this-browser = Bound to this browser
bound-to-its-browser = Bound to its browser
bound-explained = The browser holds a key that it does not give away, and proves that every few minutes. Copied cookies stop working elsewhere after about 10 minutes.
fact-session-id = Session ID
fact-model = Model
fact-browser-version = Browser version
fact-system-version = System version
fact-user-agent = User agent
fact-more = More
on = On
off = Off
all-about-session = Everything about this session
this-was-not-me = This wasn’t me
# Beside the name of a device whose browser the account did not know a day ago.
badge-new = New
# The label of a checkbox, followed by the name of the device for screen readers.
select = Select
sign-out-selected = Sign out the selected devices
sign-out-selected-hint = Select several to sign them out together.

# The name of a device's button, if another device has the same name.
# $device (String) - "Firefox 140 on Linux"
# $when (String) - "28 January 2026, 11:50 UTC"
device-signed-in = { $device }, signed in { $when }
# The name of a device's button, if other devices have the same name.
# $device (String) - "Firefox 140 on Linux"
# $number (Number)
device-number = { $device }, number { $number }

## The form that signs out all other devices

sign-out-others = Sign out all other devices
# $count (Number)
others-will-be-signed-out = { $count ->
    [one] The other device will be signed out immediately. This device stays signed in.
   *[other] All { $count } other devices will be signed out immediately. This device stays signed in.
}
# $count (Number)
others-or-more-will-be-signed-out = All { $count }+ other devices will be signed out immediately. This device stays signed in.
# $count (Number)
yes-sign-out = { $count ->
    [one] Yes, sign it out
   *[other] Yes, sign them all out
}
sign-out-everywhere-hint = To sign out here as well, on every device at once:
sign-out-everywhere = Sign out everywhere

## Messages after a change

# $device (String) - "Firefox 140 on Linux"
device-signed-out = Signed out { $device }.
# $device (String) - "Firefox 140 on Linux"
# $address (String) - "192.0.2.1"
# $ago (String) - "5 minutes ago"
device-at-address-signed-out = Signed out { $device } ({ $address }, signed in { $ago }).
# $device (String) - "Firefox 140 on Linux"
# $ago (String) - "5 minutes ago"
device-since-signed-out = Signed out { $device } (signed in { $ago }).
# $count (Number)
others-signed-out = { $count ->
    [0] No other devices were signed in.
    [one] Signed out { $count } other device.
   *[other] Signed out { $count } other devices.
}
all-others-signed-out = Signed out all other devices.
# $count (Number)
selected-signed-out = { $count ->
    [0] No device was selected, so nothing was changed.
    [one] Signed out { $count } device.
   *[other] Signed out { $count } devices.
}
# $device (String) - "Firefox 140 on Linux"
# $name (String) - "My phone"
session-named = { $device } is now called “{ $name }”.
# $device (String) - "Firefox 140 on Linux"
session-unnamed = { $device } no longer has a name of its own.
password-changed-others-kept = Your password was changed. Your other devices are still signed in.
# $count (Number)
password-changed = { $count ->
    [0] Your password was changed.
    [one] Your password was changed. Signed out { $count } other device.
   *[other] Your password was changed. Signed out { $count } other devices.
}
change-expired = Your confirmation came too late, so nothing was changed. Please try again.
second-factor-removed = Your authenticator app and your recovery codes were removed. Sign-ins no longer ask for their codes.
codes-asked-again = A code is asked for again at the next sign-in.
change-unmade = You were no longer signed in when you sent the last form, so nothing was changed. You are signed in again now: send it once more if you still want to.

## A page that is open while its session ends

you-are-signed-out = You are signed out
session-is-over = This session has ended. Sign in to continue.
sign-in-again = Sign in again
session-expires-soon = You are about to be signed out
expires-unless-used = Nothing has been done here for a while. Do you want to stay signed in?
expires-in-any-case = This session is about to reach its time limit. Save your work, and sign in again.
continue-session = Stay signed in
close = Close

## One session

# Under the device's name: the session has ended.
session-signed-out = Signed out
revoke-hint = If you don’t recognise this device, revoke it: it is signed out immediately.
# $reason (String) - "Revoked from another device"
# $when (Time) - "28 January 2026, 11:50 UTC"
ended-because = { $reason }, { $when }
fact-device = Device
# When the password was last entered on the device.
fact-proved = Password entered
name-heading = Name
name-label = Name of this session
name-hint = Helps you tell your devices apart, such as “Work laptop”. Leave it empty to remove the name.
name-save = Save name
# $when (String) - "in 5 minutes"
name-too-often = The name was not changed. You have changed names too often in the past hour. Try again { $when }.
name-too-long = The name was not changed. Use at most 64 characters.
# $code (String) - "U+202E"
name-hidden-character = The name was not changed. Remove the character { $code }, which is invisible or changes the direction of text.
not-me-link-hint = Did someone else sign in here?

## A session that someone else has started

# $device (String) - "Firefox 140 on Linux"
not-me-question = Did someone else sign in with { $device }?
not-me-lead = If it wasn’t you, press the button below. Then:
not-me-ends = The session is signed out immediately.
not-me-has-ended = The session has already ended; it is marked as not yours.
not-me-forgets = Its browser is no longer known to your account.
# $count (Number)
not-me-ends-others = { $count ->
    [one] { $count } other session, which it has let in, is signed out as well.
   *[other] { $count } other sessions, which it has let in, are signed out as well.
}
not-me-removes-app = The authenticator app that was added in it is removed, with its recovery codes.
not-me-removes-recovery-codes = The recovery codes that were made in it stop working.
# $count (Number)
not-me-removes-passkeys = { $count ->
    [one] { $count } passkey that was added in it, or has let it in, is removed.
   *[other] { $count } passkeys that were added in it, or have let it in, are removed.
}
# $count (Number)
not-me-restores-passkey-names = { $count ->
    [one] { $count } passkey that was renamed in it gets its former name back.
   *[other] { $count } passkeys that were renamed in it get their former names back.
}
# $count (Number)
not-me-restores-names = { $count ->
    [one] { $count } session that was renamed in it gets its former name back.
   *[other] { $count } sessions that were renamed in it get their former names back.
}
not-me-removes-password = The password stops working, since it was set by a mail to the changed address. “Forgot your password?” on the sign-in page sets a new one.
not-me-restores-email = The email address of your account becomes again what it was before.
not-me-email-taken = The email address that your account had before can’t be put back, since another account has it now. Ask your administrator.
not-me-removes-password-of-taken-address = The password stops working, since it was set by a mail to the changed address. Mails for a new password still go there: on the page “Security”, change the address to one of yours first.
not-me-shows = You see what happened in it, and which sessions began with the same password since.
not-me-password = You choose a new password, which signs out everything else.
not-me-confirm = It wasn’t me
not-me-cancel = It was me
not-me-current = This is the session that you are using right now. If someone else is using your account, choose a new password: it signs out all other devices.
not-me-done = This wasn’t you
# $device (String) - "Firefox 140 on Linux"
# $when (Time) - "5 minutes ago"
not-me-done-lead = You reported { $device } as not yours { $when }. It is signed out.
not-me-next = Choose a new password
not-me-stays = What was added in it stays: what you have signed in with is newer than what would be removed, and less than a day old. Confirm with something older first, or wait for a day.
not-me-prove = Confirm that it’s you
not-me-next-hint-passkey = The person who signed in used a passkey instead of your password. Check your passkeys. If the person may know your password too, choose a new one: it signs out all your other devices.
not-me-next-hint = The person who signed in knows your password. Choosing a new one signs out all your other devices.
not-me-since = Signed in with the same password since
not-me-since-none = No other session began with the same password since.
not-me-since-more = There are more. They are all in the lists of active and ended sessions.
not-me-events = What happened in the session
password-after-report = Someone else knows your password. Choose a new one: it signs out all your other devices, unless you keep them signed in.

## The history of devices

device-history = Device history
ended-sessions = Ended sessions
# <password> (Link) - the page that changes the password
history-hint = These sessions have ended. If you don’t recognise one, someone may know your password: <password>change it</password>.
no-older-sessions = No older sessions.
no-ended-sessions = No sessions have ended yet.

## The activity of the account

your-activity = Your activity
activity-what = Sign-ins, sign-outs and changes of your account
# <devices> (Link) - the signed-in devices
# <password> (Link) - the page that changes the password
activity-hint = If you don’t recognise something, sign out the device under <devices>Active</devices>, <password>change your password</password> and tell your administrator.
no-older-activity = No older activity.
no-activity = No activity is recorded yet.
by-administrator = By an administrator
by-application = By another application
event-signed-in = Signed in
event-signed-in-again = Signed in again
# The session was used from another network before.
event-signed-in-again-from-elsewhere = Signed in again, from another address than before
# The cookie of the browser came from a device with another system than before.
# $device (String) - "Firefox 140 on Linux"
event-signed-in-again-on-other-device = Signed in again, on another device than before: { $device }
event-signed-in-password = Signed in with the password
event-signed-in-one-time-password = Signed in with a one-time password
event-signed-in-registration = Account created by its user, and signed in
event-signed-in-registration-factor = Account created by its user, and signed in with a second factor
event-signed-in-reset = Signed in with a link for a new password
event-signed-in-reset-totp = Signed in with a link for a new password and a code of the app
event-signed-in-reset-recovery-code = Signed in with a link for a new password and a recovery code
event-signed-in-reset-passkey = Signed in with a link for a new password and a passkey
event-signed-in-invitation = Signed in with an invitation
event-signed-in-invitation-totp = Signed in with an invitation and a code of the app
event-signed-in-invitation-recovery-code = Signed in with an invitation and a recovery code
event-signed-in-invitation-passkey = Signed in with an invitation and a passkey
event-signed-in-totp = Signed in with the password and a code of the app
event-signed-in-recovery-code = Signed in with the password and a recovery code
event-signed-in-password-passkey = Signed in with the password and a passkey
event-signed-in-trusted-browser = Signed in with the password, on a browser that needs no code
event-signed-in-one-time-password-totp = Signed in with a one-time password and a code of the app
event-signed-in-one-time-password-recovery-code = Signed in with a one-time password and a recovery code
event-signed-in-one-time-password-passkey = Signed in with a one-time password and a passkey
event-sign-in-failed = Sign-in failed
event-sign-in-failed-wrong-password = Sign-in failed: wrong password
event-sign-in-failed-disabled = Sign-in failed: the account is disabled
event-sign-in-failed-no-password = Sign-in failed: the account has no password
event-sign-in-failed-used-up = Sign-in failed: the one-time password had already been used
event-sign-in-failed-wrong-code = Sign-in failed: the password was right, the code was wrong
event-sign-in-failed-used-code = Sign-in failed: the code had already been used
event-sign-in-failed-unreadable-factor = Sign-in failed: the code could not be checked
# $count (Number)
event-sign-ins-refused = { $count ->
    [one] { $count } sign-in refused after too many attempts
   *[other] { $count } sign-ins refused after too many attempts
}
event-unknown-sign-ins-failed = Sign-ins with unknown email addresses failed
event-account-locked = Account locked for unknown browsers
event-account-unlocked = Account unlocked for unknown browsers
event-session-adopted = Signed in through another application
event-session-rotated = Session identifier renewed
# $name (String) - "My phone"
event-session-renamed = Named “{ $name }”
event-session-name-removed = Name removed
event-session-reported = Reported: this wasn’t you
event-session-ended = Session ended
event-session-replaced-by-peer = Replaced by a record of the other application
event-browser-remembered = Browser remembered
event-browser-trusted = A browser needs no code for 30 days
event-browser-trust-used = No code was asked for: this browser is trusted
# $count (Number)
event-browser-trust-ended = { $count ->
    [1] Browser needs a code again
    [one] { $count } browser needs a code again
   *[other] { $count } browsers need a code again
}
event-second-factor-added = Authenticator app set up
event-second-factor-removed = Authenticator app removed
event-recovery-codes-removed = Recovery codes removed
event-recovery-codes-made = New recovery codes made
event-account-created = Account created
event-account-deleted = Account deleted
event-account-disabled = Account disabled
event-account-enabled = Account enabled
event-role-changed = Role changed
# $from (String) - "user"
# $to (String) - "admin"
event-role-changed-from-to = Role changed from { $from } to { $to }
event-password-changed = Password changed
event-one-time-password-set = One-time password set
event-invited = Invited
event-reset-requested = Link for a new password made
event-invitation-used = Invitation used
event-reset-refused = Link for a new password asked for too often
event-reset-used = Link for a new password used
event-email-change-asked = Change of the email address asked for
event-email-change-cancelled = Change of the email address cancelled
event-email-change-used = Link to the new email address used
event-email-restore-used = Link that puts the former email address back used
event-email-changed = Email address changed
event-email-restored = Former email address put back
event-notice-used = Link “This wasn’t me” of a mail used
event-mail-given-up = A mail could not be sent
event-proof-requested = Asked to confirm it’s you
event-proof-given = Confirmed it’s you
event-proof-failed = Failed to confirm it’s you
# $count (Number)
event-forms-refused = { $count ->
    [1] Form refused
    [one] { $count } form refused
   *[other] { $count } forms refused
}
event-session-bound = Bound to its browser
# $count (Number)
event-bound-session-refused = { $count ->
    [1] Another browser with a copy of the cookies was refused
    [one] Another browser with a copy of the cookies was refused { $count } time
   *[other] Another browser with a copy of the cookies was refused { $count } times
}
# $count (Number)
event-requests-refused = { $count ->
    [1] Request refused: not one of your sessions
    [one] { $count } request refused: not one of your sessions
   *[other] { $count } requests refused: not one of your sessions
}
event-setting-changed = Setting changed
event-command-run = Command run

## The links between the pages of a list

device-pages = Device pages
history-pages = History pages
activity-pages = Activity pages
first-page = First page
more-devices = More devices
newest = Newest
older = Older

## Why a device is signed out, on the sign-in page

# $when (Time) - "5 minutes ago"
ended-here = This device was signed out { $when }. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-continued = This device was signed out { $when }, because its session went on with a newer sign-in, in another window or on another device. Nothing that was done here after that has taken effect. Sign in to continue. If that sign-in wasn’t yours, choose a new password afterwards.
# $when (Time) - "5 minutes ago"
ended-here-revoked = This device was signed out { $when } from another of your devices. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-revoked-by-admin = This device was signed out { $when } by an administrator. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-password-changed = This device was signed out { $when }, because the password was changed. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-idle-timeout = This device was signed out { $when }, because it had not been used for too long. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-absolute-timeout = This device was signed out { $when }, because its time limit was reached. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-replaced = This device was signed out { $when }, because newer sign-ins took its place. Nothing that was done on it after that has taken effect. Sign in to continue.
# $when (Time) - "5 minutes ago"
ended-here-account-disabled = This device was signed out { $when }, because the account was disabled. Nothing that was done on it after that has taken effect. Once it is enabled again, you can sign in.

## While all other devices are being signed out

# $count (Number)
devices-left = { $count ->
    [one] { $count } device left
   *[other] { $count } devices left
}
# $count (Number)
devices-or-more-left = { $count }+ devices left

signing-out-others = Signing out other devices
signing-out-continues = This page updates itself every few seconds. You can close it: signing out continues.
if-number-stays = If the number stays the same
if-number-stays-help = The server may have been restarted, or some devices can’t be signed out. Start again; devices that are signed out already stay signed out.
sign-out-the-others = Sign out the other devices

## Forms

# Before the title of a page whose form has an error.
error-prefix = Error:
email = Email
password = Password
optional = (optional)
cancel = Cancel
# Before the list of the fields that are wrong.
account-not-created-correct = The account was not created. Please correct:
password-not-changed-correct = The password was not changed. Please correct:
# $seconds (Number)
too-many-attempts-seconds = { $seconds ->
    [one] Too many attempts. Try again in { $seconds } second.
   *[other] Too many attempts. Try again in { $seconds } seconds.
}
# $minutes (Number)
too-many-attempts-minutes = { $minutes ->
    [one] Too many attempts. Try again in { $minutes } minute.
   *[other] Too many attempts. Try again in { $minutes } minutes.
}
# $seconds (Number)
many-people-sign-in = { $seconds ->
    [one] Many people are signing in right now. Try again in { $seconds } second.
   *[other] Many people are signing in right now. Try again in { $seconds } seconds.
}
account-not-created-unchecked = New passwords can’t be checked right now. The account was not created. Try again later, and tell your administrator if this message comes back.
password-not-changed-unchecked = New passwords can’t be checked right now. Your password was not changed. Try again later, and tell your administrator if this message comes back.
database-unreachable = { -product } can’t reach its database right now. Try again in a few seconds.
passwords-differ = The two passwords are not the same.
# $count (Number)
password-too-short = Use at least { $count } characters; a few memorable words work well.
# $count (Number)
password-too-long = Use at most { $count } characters.
password-too-easy = This password is too easy to guess: it consists of common words, repetitions, sequences or neighbouring keys. Use several words that have nothing to do with each other.
password-is-own-name = This password mostly consists of your own name or email address, or the name of this site. Use several other words.
password-is-breached = This password appears in a list of leaked passwords, which attackers try first. Choose another one.
# $count (Number)
password-hint = At least { $count } characters; a few memorable words work well.
email-invalid = Enter an email address, like name@example.com.
email-taken = A user with this email address already exists.
# $count (Number)
user-name-too-long = Use at most { $count } characters.
# $code (String) - "U+0007"
name-has-control-character = Remove the control character { $code }.
# $code (String) - "U+202E"
name-has-hidden-character = Remove the character { $code }, which is invisible or changes the direction of text.

## Sign in

sign-in = Sign in
sign-in-to = Sign in to { -product }
bound-elsewhere = The session of this browser’s cookie is bound to the browser that signed in, and this one could not prove that it is the same. The session goes on there. Sign in to continue here.
keep-me-signed-in = Keep me signed in
sign-in-to-continue = Sign in to continue.
unmade-change-sign-in = You were no longer signed in when you sent the form, so nothing was changed. Sign in to continue.
twin-cookies = Another site of this domain has set a cookie with the same name as { -product }’s, so your browser can’t be recognised. Signing in deletes that cookie. If this message comes back, delete the cookies of this site and of its domain in your browser’s settings.
sign-in-rejected = Invalid email or password.
one-time-password-used-up = This one-time password has already been used. Continue where you signed in, or ask your administrator for a new one. If you didn’t use it, tell them.
account-locked = Too many wrong passwords were entered for this account. Sign in on a browser that you have used for it before, or ask your administrator to unlock it.

## The second step of a sign-in

second-heading = Enter your code
second-lead-app = To sign in, now enter the code that your authenticator app shows.
second-lead-recovery = To sign in, now enter one of your recovery codes. Each is good for one sign-in.
second-code = Code of the app
second-recovery-code = Recovery code
second-trust = Don’t ask for a code on this browser for 30 days
second-use-recovery = Use a recovery code
second-use-app = Use your authenticator app
# <login> (Link) - the sign-in page
second-hint = If you have neither, ask your administrator. Not your account? <login>Start again</login>
second-wrong-code = This code is wrong. Enter the one that the app shows now. If that is wrong too, check the clock of your phone.
second-wrong-recovery-code = This is not one of your recovery codes. Check what you typed.
second-used-code = This code has already been used. Wait until the app shows the next one.
second-used-recovery-code = This recovery code has already been used. Enter another one.
second-unreadable = Your code can’t be checked: a secret of this site is missing. Ask your administrator to add it to KEYRACK_SECRETS again, or to remove your second factor.
second-locked = Too many wrong codes were entered for this account. Use one of your recovery codes, sign in on a browser that you have used for it before, or ask your administrator to unlock it.
second-over = The code came too late, or your account has changed meanwhile. Sign in again.

## Authenticator app and recovery codes

authenticator-heading = Set up an authenticator app
authenticator-lead = With it, your password alone no longer lets anyone in.
authenticator-demanded = Your account needs a second factor. Set up an authenticator app on your phone to continue.
authenticator-scan = Scan this code with the app
authenticator-type = Or enter this key in the app:
authenticator-open = Open an app on this device
authenticator-code = Code that the app shows now
authenticator-finish = Set up
authenticator-expired = The code that you scanned has expired. Scan the new one.
recovery-codes-heading = Keep your recovery codes
recovery-codes-lead = Your authenticator app is set up. When you don’t have it at hand, each of these codes lets you in once, together with your password.
recovery-codes-lead-renewed = Each of these codes lets you in once, together with your password. Your earlier codes are no longer valid.
recovery-codes-hint = Print this page or write the codes down, and keep them in a safe place. They are not shown again.
recovery-codes-kept = I have kept them

## Security

security-heading = Security
security-what = What protects your account, and where it asks for a code.
security-email = Email address
security-email-change = Change the address
# $email (String) - "rajat.verma@example.net"
# $ago (String) - "5 minutes ago"
security-email-pending = A change to { $email } was asked for { $ago }. It takes effect when the link in the mail to that address is used, within 24 hours.
# $ago (String) - "5 days ago"
security-password-since = Set { $ago }
security-no-password = Another application signs you in. You have no password here, and no code is asked for.
security-app = Authenticator app
security-app-none = Not set up. With it, your password alone no longer lets anyone in.
security-app-demanded = Not set up. Your next sign-in asks you to do it.
security-app-set-up = Set up an app
# $ago (String) - "5 days ago"
security-app-since = Set up { $ago }
# $ago (String) - "5 days ago"
# $device (String) - "Firefox 140 on Linux"
security-app-since-on = Set up { $ago } on { $device }
security-app-unreadable = This site can no longer check its codes, so you can’t sign in with them. Remove the app and set it up again.
security-app-remove = Remove the app
security-app-remove-demanded = After you have removed it, your next sign-in asks you to set up another one.
security-codes = Recovery codes
# $count (Number)
security-codes-left = { $count ->
    [0] No code is left.
    [one] { $count } code is left.
   *[other] { $count } codes are left.
}
security-codes-low = Make new ones before you need them.
security-codes-make = Make new codes
security-codes-hint = New codes replace the earlier ones.
security-browsers = Browsers without a code
security-browsers-none = Each browser is asked for a code.
# $when (String) - "in 29 days"
security-browser-until = Needs a code again { $when }
security-browser-forget = Ask for a code again
security-browsers-forget = Ask on all browsers again

## Sign out

sign-out-of-this-device = Sign out of this device?
# $user (String) - a name, or an email address
signed-in-as-user = You are signed in as { $user }. Your other devices stay signed in.
stay-signed-in = Stay signed in

## Confirm that it’s you

confirm-its-you = Confirm that it’s you
enter-password-again = Enter your password again to continue.
enter-password-to-sign-out = Enter your password again to continue. The other device is signed out after that.
enter-password-to-sign-out-others = Enter your password again to continue. All other devices are signed out after that.
enter-password-to-sign-out-selected = Enter your password again to continue. The selected devices are signed out after that.
enter-password-to-sign-out-all = Enter your password again to continue. All devices are signed out after that, including this one.
enter-password-to-remove-passkey = Confirm that it’s you to continue. The passkey is removed after that.
enter-password-to-report = Enter your password again to continue. The session that wasn’t yours is signed out after that.
enter-password-to-remove-app = Enter your password again to continue. Your authenticator app is removed after that.
enter-password-to-make-codes = Enter your password again to continue. You get new recovery codes after that.
enter-password-to-ask-for-codes = Enter your password again to continue. A code is asked for again after that.
confirm = Confirm
not-your-password = This is not your password. Try again.
no-password-here = You have no password here.
too-many-wrong-passwords = Too many wrong passwords were entered on this device. Sign out and sign in again.
no-password-ask-if-needed = You signed in with another application, and have no password here. Ask your administrator for one if you need to continue.
no-password-change-there = You signed in with another application, and have no password here. Change it where you signed in, or ask your administrator for one.

## Change the password

choose-your-own-password = Choose your own password
one-time-password-lead = You signed in with a one-time password. Choose your own password to continue.
current-password = Current password
new-password = New password
confirm-new-password = Confirm new password
keep-others-signed-in = Keep my other devices signed in
enter-current-password = Enter your current password.
enter-new-password = Enter a new password.
not-your-current-password = This is not your current password.
same-as-current-password = This is your current password. Choose a different one.
password-changed-meanwhile = This form was not used: your password was changed in another tab, or by a second click, while it was open. You are signed in, and the password that you chose there holds. To change it again, enter it as the current one.

## Create the first account

create-first-account = Create the first account
administrator-account = This will be the administrator account.
user-name = Username
first-name = First name
last-name = Last name
confirm-password = Confirm password
create-account = Create account
email-hint = You will use it to sign in.
enter-first-name = Enter a first name.

## Mails

# Below every mail.
mail-automatic = This mail was sent automatically. Please do not reply to it.
mail-test-subject = Test mail from { -product }
mail-test-text = If you can read this, { -product } can send mails.

mail-reset-subject = Reset your password for { -product }
mail-reset-text = A new password was requested for your account at { -product }. To choose one, open this link:
mail-reset-link = Choose a new password
mail-reset-note = If you did not ask for this, ignore this mail. Your password stays as it is.
mail-invitation-subject = Your account at { -product }
mail-invitation-text = An account was created for you at { -product }. To use it, choose your password:
mail-invitation-link = Choose your password
mail-invitation-note = If you did not expect this, ignore this mail.
# $count (Number)
mail-link-hours = { $count ->
    [one] The link works once and expires { $count } hour after it was made.
   *[other] The link works once and expires { $count } hours after it was made.
}
# $count (Number)
mail-link-days = { $count ->
    [one] The link works once and expires { $count } day after it was made.
   *[other] The link works once and expires { $count } days after it was made.
}

## Links that set a password

reset-title = Choose a new password
reset-lead-second = All your devices will be signed out. Here, you are asked for your second factor after that.
reset-lead-set-up = All your devices will be signed out. Here, you set up a second factor after that: this site demands one.
reset-lead = All your devices will be signed out, and you will be signed in here.
reset-passkeys = Remove these passkeys
reset-passkeys-hint = Each of them signs in without your password. Clear the box of those that are yours, to keep them.
reset-passkeys-stay = This account has passkeys:
reset-passkeys-stay-address = The address of this account was changed less than a day ago, so a link can’t remove them yet. Remove those that are not yours tomorrow, or undo the change of the address.
reset-passkeys-stay-hint = You will be asked for one of them next. If you don’t know one, remove it after that: a link alone can’t.
reset-app = This account is also protected by:
reset-app-hint = You will be asked for a code next. If you did not set up the app, tell your administrator: a link alone can’t remove it.
invitation-title = Welcome to { -product }
invitation-lead-set-up = Choose a password for your account. After that, you set up a second factor: this site demands one.
invitation-lead = Choose a password for your account. You will then be signed in.
set-password = Set the password
link-used = This link has already been used
link-used-text = It works once, and a password was set with it. Sign in with that password. If that was not you, tell your administrator at once.
link-expired = This link no longer works
reset-link-expired-text = Links work for a limited time, and stop working once the password is changed. Ask for a new link, or sign in if you know your password.
reset-link-expired-ask = Links work for a limited time, and stop working once the password is changed. Ask your administrator for a new link, or sign in if you know your password.
invitation-expired-text = Links work for a limited time, and stop working once a password is set. Ask your administrator for a new invitation.

forgot-link = Forgot your password?
forgot-title = Forgot your password?
forgot-lead = Enter the email address with which you sign in. You will get a mail with a link that sets a new password.
forgot-send = Send the link
forgot-sent = Check your mail
forgot-sent-text = If there is an account with this address, a mail with a link is on its way. The link works once, within an hour.
forgot-sent-hint = If no mail comes, look among the spam. You can ask again after a minute, but not more than three times an hour.
forgot-no-mail = This site sends no mails. Ask your administrator for a link that sets a new password.
forgot-again = Ask for a new link

## Another email address

email-change-title = Change your email address
# $email (String) - "rajat.verma@example.com"
email-change-lead = You sign in with { $email }. The new address gets a mail with a link; nothing changes until you use it.
email-change-new = New email address
email-change-send = Send the link
email-change-same = This is already your address.
email-change-no-mail = This site sends no mails. Ask your administrator to change your address.
email-change-sent = Check your mail
email-change-sent-text = A mail is on its way to the new address. Its link works once, within 24 hours. Until you use it, your address stays as it is.
email-change-sent-hint = If no mail comes, look among the spam, and see whether you mistyped the address. You can ask again after a minute.
email-change-cancel = Cancel this change
email-change-cancelled = The change of your email address is cancelled. The link in the mail no longer works.
email-change-back = Back to “Security”
verify-title = Confirm your new email address
# $former (String) - "rajat.verma@example.com"
# $new (String) - "rajat.verma@example.net"
verify-lead = The account with the address { $former } is to get this one: { $new }. Confirm it only if this is your account.
verify-confirm = Confirm the address
verify-done = Your email address is changed
verify-done-text = From now on, sign in with the new address. The former one got a mail with a link that takes this back, for 7 days.
verify-restore-title = Put your former address back?
# $email (String) - "rajat.verma@example.com"
verify-restore-address = { $email } becomes the address of your account again.
verify-restore-sessions = All devices are signed out.
verify-restore-password = The password stops working, since the person who changed the address may know it. You choose a new one next.
verify-restore-lead = If you did not change it yourself, press the button. Then:
verify-restore = Put it back
verify-used = It works once, and the address was changed with it.
verify-expired = Links work for a limited time, and stop working once they are replaced, or the password is changed.
verify-taken = Another account has this address
verify-taken-text = Nothing was changed. If both accounts are yours, sign in to the other one; otherwise ask your administrator.

## An account of one's own

register-link = Create an account
register-title = Create an account
register-lead = Enter your email address. You will get a mail with a link, with which you choose your name and a password.
register-send = Send the link
register-sent = Check your mail
register-sent-text = A mail is on its way to this address. Its link works once, within 24 hours. If you have an account already, the mail says so.
register-sent-hint = If no mail comes, look among the spam, and see whether you mistyped the address. You can ask again after a minute.
new-account-title = Welcome to { -product }
new-account-lead = Your address is confirmed. Choose your name and a password, and your account is ready.
verify-registered = It works once, and an account was created with it. Sign in with your address and password. If that was not you, tell your administrator at once.

## Error pages

# $status (String) - "404"
error-status = Error { $status }
request-id = Request ID
open-page-again = Open the page again
error-proof-required = The last sign-in on this device was too long ago for this. Nothing was changed. Enter the password again at /reauth, then try again.
error-password-change = Change your password first
error-password-change-text = You signed in with a one-time password. Nothing was changed. Choose your own password at /account/password, then try again.
error-not-signed-in = You are not signed in
error-not-signed-in-text = Sign in, then try again.
error-not-found = This does not exist
error-not-found-text = The address may be mistyped, or what it led to is no longer there.
error-no-such-session = This session does not exist
error-no-such-session-text = Its address may be mistyped, or it ended so long ago that its record was deleted. Nothing was changed.
error-wrong-method = This page can’t be opened directly
error-wrong-method-text = Use the links and buttons on { -product }’s pages instead.
error-timeout = This took too long
error-timeout-text = Check your connection and try again.
error-headers-too-large = This request is too large
error-headers-too-large-text = The address and the cookies of this request are too long. Delete this site’s cookies and try again.
error-too-large = This is too large
error-too-large-text = Shorten what you entered and try again.
error-busy = Many people are signing in
error-busy-text = Too many passwords are waiting to be checked. Nothing was changed. Try again in a few seconds.
error-unavailable = Back in a moment
error-unavailable-text = { -product } can’t reach its database right now. You are still signed in where you were. Try again in a few seconds.
error-incomplete = Not everything was done
error-incomplete-text = { -product } did what it could, but some devices could not be signed out. See which ones are left in the list of your devices, and give your administrator the request ID below.
error-malformed = This request can’t be read
error-malformed-text = Go back, reload the page and try again.
error-not-utf8 = This form can’t be read
error-not-utf8-text = It contains bytes that are not UTF-8 text, so what you entered might have been changed in transit. Nothing was changed. Go back, reload the page and enter it again.
error-internal = Something went wrong
error-internal-text = Something failed on our side. If it happens again, give your administrator the request ID below.

## Refused forms

form-outdated = This form is no longer valid
form-outdated-text = It was opened before you signed in or out, or it comes from another site. Nothing was changed. Go back, reload the page and try again.
form-former-session-text = It was opened before this browser confirmed or changed your password, or signed in again. That makes older forms in other tabs invalid. You are still signed in, and nothing was changed by this one. Open the page again and repeat what you did.
form-no-cookie = No cookie came back
# $url (String)
form-no-cookie-text = { -product } needs a cookie to sign you in, and your browser sent none with the form. Nothing was changed. Allow cookies for this site, open { $url } and try again.
form-not-https = This address can’t sign you in
# $url (String)
form-not-https-text = This page was opened over http, and { -product }’s cookies are only sent over https. Nothing was changed. Open { $url } instead.
form-unknown-cookie = The form’s cookie can’t be verified
# $url (String)
form-unknown-cookie-text = It was set by another server, or before { -product }’s secrets changed. Nothing was changed. Open { $url } and try again. If this happens again, tell your administrator: every instance of { -product } needs the same secrets.
form-two-cookies = Two cookies came back
# $url (String)
form-two-cookies-text = Another site of this domain has set a cookie with the same name as { -product }’s. Nothing was changed. Delete the cookies of this site and of its domain in your browser’s settings, open { $url } and try again.

mail-new-browser-subject = New sign-in to your account at { -product }
mail-new-browser-text = Your account at { -product } was signed in to on a browser that it did not know.
mail-password-changed-subject = Your password for { -product } was changed
mail-password-changed-text = The password of your account at { -product } was changed.
mail-password-set-text = An administrator set a new password for your account at { -product }.
mail-ways-in-subject = A way into your account at { -product } was changed
mail-ways-in-changed = A way into your account at { -product } was changed.
mail-app-added = An authenticator app was added to your account at { -product }.
mail-app-removed = The authenticator app was removed from your account at { -product }. Sign-ins no longer ask for its codes.
mail-app-removed-by-administrator = An administrator removed the authenticator app and the recovery codes from your account at { -product }.
mail-passkey-added = A passkey was added to your account at { -product }. It lets in without your password.
mail-passkey-removed = A passkey was removed from your account at { -product }.
mail-passkey-removed-by-administrator = An administrator removed a passkey from your account at { -product }.
mail-codes-made = New recovery codes were made for your account at { -product }. The earlier ones no longer work.
mail-code-used = Your account at { -product } was signed in to with one of its recovery codes.
mail-failures-subject = Many failed sign-ins to your account at { -product }
# $count (Number)
mail-failures-text = { $count ->
    [one] Within a day, { $count } sign-in to your account at { -product } failed, since the password was wrong. You get this mail once a day at most.
   *[other] Within a day, { $count } sign-ins to your account at { -product } failed, since the password was wrong. You get this mail once a day at most.
}
# $count (Number)
mail-passkey-failures-text = { $count ->
    [one] Within a day, { $count } sign-in to your account at { -product } failed, since the passkey was not accepted. You get this mail once a day at most.
   *[other] Within a day, { $count } sign-ins to your account at { -product } failed, since the passkey was not accepted. You get this mail once a day at most.
}
mail-wrong-codes-subject = Another person may know your password for { -product }
# $count (Number)
mail-wrong-codes-text = { $count ->
    [one] Within a day, { $count } sign-in to your account at { -product } had the right password, but a wrong code. You get this mail once a day at most.
   *[other] Within a day, { $count } sign-ins to your account at { -product } had the right password, but a wrong code. You get this mail once a day at most.
}
# $time (String) - "28 January 2026, 11:50 UTC"
mail-fact-when = When: { $time }
# $device (String) - "Firefox 140 on Linux"
mail-fact-device = Device: { $device }
# $address (String) - "192.0.2.1"
mail-fact-address = Address: { $address }
mail-notice-note = If it was you, there is nothing to do.
mail-email-change-subject = Confirm your new email address for { -product }
mail-email-change-text = This address was given as the new email address of an account at { -product }. To confirm it, open this link:
mail-email-change-link = Confirm the address
mail-email-change-note = If you did not ask for this, ignore this mail. Nothing changes until the link is used.
mail-email-changed-subject = Your email address for { -product } was changed
mail-email-changed-text = The email address of your account at { -product } was changed. From now on, you sign in with the new one, and mails go there.
mail-email-changed-note = If it was you, there is nothing to do. If not, use the link: it puts this address back, signs out all devices, and lets you choose a new password.
mail-email-set-text = An administrator changed the email address of your account at { -product }. From now on, you sign in with the new one, and mails go there.
mail-email-set-note = If you did not ask for this, tell your administrator.
mail-email-restore = Put this address back
mail-registration-subject = Create your account at { -product }
mail-registration-text = An account at { -product } was asked for with this address. To create it, open this link:
mail-registration-link = Create the account
mail-registration-note = If you did not ask for this, ignore this mail. There is no account until the link is used.
mail-account-exists-subject = You have an account at { -product }
mail-account-exists-text = An account at { -product } was asked for with this address. None was created, since you have one already.
mail-address-taken-subject = Your email address at { -product }
mail-address-taken-text = Another account at { -product } was to get this email address. Nothing was changed, since you have an account with it.
mail-address-taken-note = If it was you, sign in with this address; if you have forgotten the password, ask for a new one on the sign-in page. If it was not you, there is nothing to do.
# $email (String) - "rajat.verma@example.net"
mail-fact-new-email = New address: { $email }
mail-failures-note = If you mistyped your password, there is nothing to do. If not, another person is guessing it, and has not got in by that. The link leads to what helps: a new password, and signing out all your devices.
mail-passkey-failures-note = A passkey can’t be guessed, and no one has got in by that. If you tried to sign in with a passkey yourself, see whether it is still among those on the page “Security”. If not, there is nothing to do: your password is not affected.
mail-wrong-codes-note = If you mistyped your codes, there is nothing to do. If not, another person knows your password, and only the code has kept them out: choose a new password now. The link leads there.
mail-notice-days = The link can be used for 7 days.

## Where the links of notices lead

notice-heading = Was this not you?
notice-ends-device = Press the button, and this device is signed out at once. It does not sign you in here.
notice-ends-all = Press the button, and all devices are signed out at once, also yours. It does not sign you in here.
notice-ends-all-to-be-sure = These attempts have signed in no device. If you want to be sure, press the button: all devices are signed out at once, also yours. It does not sign you in here.
notice-failures-advice = No one has got in by that. A password that you use nowhere else, and that is hard to guess, keeps it so. If yours is another one, choose a new one.
notice-passkey-failures-advice = No one has got in by that, since a passkey can’t be guessed. Sign in to see your passkeys on the page “Security”.
notice-wrong-codes-advice = Another person knows your password, and only the code has kept them out. Choose a new password: the one that they know is then good for nothing.
notice-new-password = Choose a new password
notice-end-device = Sign the device out
notice-end-all = Sign out all devices
notice-done = Signed out
notice-done-device = The device is signed out. Who used it may know your password: sign in, change it, and look at the page “Security”. If you can’t sign in, ask for a link for a new password on the sign-in page.
notice-done-all = All devices are signed out. Sign in, choose another password, and look at the page “Security”. If you can’t sign in, ask for a link for a new password on the sign-in page.
notice-expired = This link no longer works
notice-expired-text = It has expired. Sign in to see where your account is used.

## Passkeys

passkeys-heading = Passkeys
passkeys-what = Sign in with your device, without a password.
passkeys-hint = A passkey is kept by your device or your password manager, which uses it only after your fingerprint, face, or PIN. It works on this site only, so no other site can trick you out of it.
passkeys-none = You have no passkeys.
passkeys-need-https = Passkeys need a secure connection (https), which this site does not have. Ask your administrator.
passkeys-need-host = Passkeys need an address with a host name. This site is set up with an IP address. Ask your administrator.
passkeys-too-many = You have as many passkeys as an account may have. Remove one first.
passkeys-yours = Your passkeys
passkey-add = Add a passkey
passkey-add-what = Your browser asks where to keep the passkey: on this device, in a password manager, on your phone, or on a security key.
passkey-add-now = Create passkey
passkey-name = Name
passkey-name-hint = If you leave it empty, the passkey is named after what keeps it.
passkey-rename = Rename
# $name (String)
passkey-rename-label = New name of “{ $name }”
passkey-remove = Remove
security-app-remove-too-soon = The app was not removed: what you signed in with is newer than the app, and less than a day old. Sign in with an older passkey or password, wait for a day, or set a new password by a link from a mail.
passkey-remove-too-soon = What you signed in with is newer than this passkey, and less than a day old, so it can’t remove it. Sign in with an older passkey or password, wait for a day, or set a new password by a link from a mail.
passkey-synced = Synced between devices
passkey-on-one-device = On one device
# $provider (String)
# $state (String)
passkey-of-provider = { $provider } · { $state }
# $when (String)
# $device (String)
passkey-added-on = Added { $when } on { $device }
# $when (String)
passkey-added = Added { $when }
# $when (String)
passkey-used = Last used { $when }
passkey-unused = Not used yet
# $host (String)
passkey-of-other-host = This passkey was made for { $host } and does not work here. Remove it, and add a new one.
# $when (String)
passkey-copied = Refused { $when }: another device seems to have a copy of this passkey. If you don’t know why, remove it, and add a new one.
passkey-was-added = Your passkey was added.
passkey-was-renamed = The passkey was renamed.
passkey-was-removed = The passkey was removed. Delete it in your password manager or device, too.
passkey-sign-in = Sign in with a passkey
passkey-prove = Use a passkey
passkey-second-lead = Your password is right. Now use your passkey.
security-passkeys-manage = Manage passkeys
# $count (Number)
security-passkeys-count = { $count ->
    [0] You have no passkeys. With one, you sign in without a password.
    [one] You have { $count } passkey.
   *[other] You have { $count } passkeys.
}
passkey-rejected = This passkey was not accepted. Try again, or sign in another way.
passkey-expired = That took too long, or the passkey was used already. Try again.
passkey-not-added = The passkey was not accepted. Try again, or choose another place to keep it.
passkey-exists = This device or password manager has a passkey of your account already.
passkey-cancelled = No passkey was used. Try again, or go on another way.
passkey-unsupported = This browser can’t use passkeys. Update it, or use another one.
passkey-needs-script = Passkeys need JavaScript, which is off in this browser.
way-in-passkey = Passkey
event-signed-in-passkey = Signed in with a passkey
# $name (String)
event-passkey-added = Passkey “{ $name }” added
# $name (String)
event-passkey-used = Passkey “{ $name }” used to sign in
# $name (String)
event-passkey-renamed = Passkey renamed to “{ $name }”
# $name (String)
event-passkey-removed = Passkey “{ $name }” removed
event-sign-in-failed-passkey = Sign-in failed: wrong passkey
event-sign-in-failed-passkey-used = Sign-in failed: the passkey had answered already
event-sign-in-failed-passkey-copied = Sign-in refused: another device may have a copy of the passkey
