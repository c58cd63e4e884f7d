### Die Texte der Seiten auf Deutsch. In en.ftl steht, welche es gibt und was sie bekommen.

## Der Rahmen jeder Seite

language-name = Deutsch
page-language = Sprache
skip-to-content = Zum Inhalt springen
signed-in-as = Angemeldet als
sign-out = Abmelden

## Zeiten. Sie setzen einen Satz fort, etwa „Angemeldet vor 5 Minuten“.

just-now = gerade eben
minutes-ago = { $count ->
    [one] vor { $count } Minute
   *[other] vor { $count } Minuten
}
hours-ago = { $count ->
    [one] vor { $count } Stunde
   *[other] vor { $count } Stunden
}
days-ago = { $count ->
    [one] vor { $count } Tag
   *[other] vor { $count } Tagen
}
in-a-moment = in Kürze
in-minutes = { $count ->
    [one] in { $count } Minute
   *[other] in { $count } Minuten
}
in-hours = { $count ->
    [one] in { $count } Stunde
   *[other] in { $count } Stunden
}
in-days = { $count ->
    [one] in { $count } Tag
   *[other] in { $count } Tagen
}
active-now = Gerade aktiv
active-ago = Zuletzt aktiv { $ago }
inactive-for-long = Seit über 90 Tagen nicht aktiv
exact-time = { $day }. { $month ->
    [1] Januar
    [2] Februar
    [3] März
    [4] April
    [5] Mai
    [6] Juni
    [7] Juli
    [8] August
    [9] September
    [10] Oktober
    [11] November
   *[12] Dezember
} { $year }, { $time } UTC

times-are-in-utc = Alle Zeiten sind in UTC angegeben.
times-are-in-zone = Alle Zeiten sind in Ihrer Zeitzone angegeben: { $zone }.

## Wo eine Adresse ist

addresses-heading = IP-Adressen
used-between = { $first } bis { $last }
used-once = { $when }

city-in-country = { $city }, { $country }
private-network = Privates Netz
places-are-estimates = Orte sind aus den Adressen geschätzt und können falsch sein.

## Wie Geräte heißen

browser-on-system = { $browser } auf { $system }
in-app-browser = Browser in einer App
named-device = { $name } ({ $device })
system-computer = Computer mit { $system }
system-phone = Telefon mit { $system }
system-tablet = Tablet mit { $system }
system-television = Fernseher mit { $system }
system-console = Spielkonsole { $system }
system-car = Auto mit { $system }
system-headset = Headset mit { $system }
system-watch = Uhr mit { $system }
system-e-reader = E-Reader mit { $system }
system-program = Programm auf { $system }
system-bot = Bot auf { $system }
system-device = Gerät mit { $system }
unknown-computer = Unbekannter Computer
unknown-phone = Unbekanntes Telefon
unknown-tablet = Unbekanntes Tablet
unknown-television = Unbekannter Fernseher
unknown-console = Unbekannte Spielkonsole
unknown-car = Unbekanntes Auto
unknown-headset = Unbekanntes Headset
unknown-watch = Unbekannte Uhr
unknown-e-reader = Unbekannter E-Reader
unknown-program = Unbekanntes Programm
unknown-bot = Unbekannter Bot
unknown-device = Unbekanntes Gerät
kind-computer = Computer
kind-phone = Telefon
kind-tablet = Tablet
kind-television = Fernseher
kind-console = Spielkonsole
kind-car = Auto
kind-headset = Headset
kind-watch = Uhr
kind-e-reader = E-Reader
kind-program = Programm
kind-bot = Bot
kind-unknown = Unbekannt

## Warum eine Sitzung endete und wie sie begann

end-signed-out = Abgemeldet
end-revoked = Von einem anderen Gerät abgemeldet
end-revoked-by-admin = Von der Administration abgemeldet
end-password-changed = Passwort geändert
end-idle-timeout = Zu lange nicht genutzt
end-absolute-timeout = Zeitlimit erreicht
end-replaced = Durch eine neuere Anmeldung ersetzt
end-account-disabled = Konto deaktiviert
end-other = Beendet
way-in-password = Passwort
way-in-one-time-password = Einmalpasswort
way-in-registration = Link, der das Konto angelegt hat
way-in-reset = Link für ein neues Passwort
way-in-invitation = Einladung
way-in-with-totp = { $password } und Code der App
way-in-with-recovery-code = { $password } und Wiederherstellungscode
way-in-with-passkey = { $password } und Passkey
way-in-on-trusted-browser = { $password }, in einem Browser ohne Codeabfrage
way-in-application = Die Anwendung selbst
way-in-peer = Eine andere Anwendung
way-in-unknown = Nicht aufgezeichnet

## Ihre Geräte

your-devices = Ihre Geräte
account-pages = Konto
tab-active = Angemeldet
tab-history = Verlauf
tab-activity = Aktivität
tab-security = Sicherheit
breached-password-warning = Ihr Passwort steht in einer Liste gestohlener Passwörter, die Angreifer zuerst probieren. <password>Wählen Sie ein anderes Passwort</password>, hier und überall sonst, wo Sie das bisherige verwenden.
bound-refused-warning = Ein anderer Browser hat { $when } versucht, eine Ihrer Sitzungen zu benutzen. Er wurde abgewiesen, weil die Sitzung an den Browser gebunden ist, der sich angemeldet hat. Vielleicht hat jemand dessen Cookies kopiert: <activity>Sehen Sie Ihre Aktivität durch</activity>.
active-sessions = { $count ->
    [one] { $count } aktive Sitzung
   *[other] { $count } aktive Sitzungen
}
active-sessions-or-more = Mindestens { $count } aktive Sitzungen
change-password = Passwort ändern
devices-hint = Diese Geräte sind in Ihrem Konto angemeldet. Wenn Sie eines nicht kennen, melden Sie es ab: Das wirkt sofort.
this-device = Dieses Gerät
other-devices = Andere Geräte
no-more-devices = Es sind keine weiteren Geräte angemeldet.
no-other-devices = Es sind keine anderen Geräte angemeldet.
later-devices = Hier erscheinen Geräte, auf denen Sie sich später anmelden.
too-many-to-sort = Es sind zu viele Geräte, um die zuletzt aktiven zuerst zu zeigen.
signed-in-when = Angemeldet { $when }
expires-when = Läuft { $when } ab
expires-when-unused = Läuft ohne Nutzung { $when } ab
sign-out-this-device = von diesem Gerät
revoke = Abmelden
details = Details
of-device = zu { $device }
fact-type = Art
fact-signed-in = Angemeldet
fact-signed-in-by = Angemeldet durch
fact-address = IP-Adresse
fact-place = Ort
fact-network = Netz
fact-last-active = Zuletzt aktiv
fact-ended = Beendet
fact-expires = Läuft ab
exactly-if-unused = { $when }, falls nicht genutzt
fact-remembered = Angemeldet bleiben
fact-bound = An ihren Browser gebunden
bound-to-this-browser = An diesen Browser gebunden
bound-to-its-browser = An ihren Browser gebunden
bound-explained = Der Browser hat einen Schlüssel, den er nicht herausgibt, und beweist das alle paar Minuten. Kopierte Cookies sind anderswo nach etwa 10 Minuten wertlos.
fact-session-id = Sitzungs-ID
fact-model = Modell
fact-browser-version = Version des Browsers
fact-system-version = Version des Systems
fact-user-agent = User-Agent
fact-more = Mehr
on = Ein
off = Aus
all-about-session = Alles über diese Sitzung
this-was-not-me = Das war ich nicht
badge-new = Neu
select = Auswählen
sign-out-selected = Ausgewählte Geräte abmelden
sign-out-selected-hint = Wählen Sie mehrere aus, um sie zusammen abzumelden.
device-signed-in = { $device }, angemeldet am { $when }
device-number = { $device }, Nummer { $number }

## Das Formular, das alle anderen Geräte abmeldet

sign-out-others = Alle anderen Geräte abmelden
others-will-be-signed-out = { $count ->
    [one] Das andere Gerät wird sofort abgemeldet. Dieses Gerät bleibt angemeldet.
   *[other] Alle { $count } anderen Geräte werden sofort abgemeldet. Dieses Gerät bleibt angemeldet.
}
others-or-more-will-be-signed-out = Alle anderen Geräte, mindestens { $count }, werden sofort abgemeldet. Dieses Gerät bleibt angemeldet.
yes-sign-out = { $count ->
    [one] Ja, abmelden
   *[other] Ja, alle abmelden
}
sign-out-everywhere-hint = Um sich auf allen Geräten zugleich abzumelden, auch hier:
sign-out-everywhere = Überall abmelden

## Meldungen nach einer Änderung

device-signed-out = { $device } wurde abgemeldet.
device-at-address-signed-out = { $device } ({ $address }, angemeldet { $ago }) wurde abgemeldet.
device-since-signed-out = { $device } (angemeldet { $ago }) wurde abgemeldet.
others-signed-out = { $count ->
    [0] Es waren keine anderen Geräte angemeldet.
    [one] { $count } anderes Gerät wurde abgemeldet.
   *[other] { $count } andere Geräte wurden abgemeldet.
}
all-others-signed-out = Alle anderen Geräte wurden abgemeldet.
selected-signed-out = { $count ->
    [0] Es war kein Gerät ausgewählt. Es wurde nichts geändert.
    [one] { $count } Gerät wurde abgemeldet.
   *[other] { $count } Geräte wurden abgemeldet.
}
session-named = { $device } heißt jetzt „{ $name }“.
session-unnamed = { $device } hat keinen eigenen Namen mehr.
password-changed-others-kept = Ihr Passwort wurde geändert. Ihre anderen Geräte sind weiterhin angemeldet.
password-changed = { $count ->
    [0] Ihr Passwort wurde geändert.
    [one] Ihr Passwort wurde geändert. { $count } anderes Gerät wurde abgemeldet.
   *[other] Ihr Passwort wurde geändert. { $count } andere Geräte wurden abgemeldet.
}
change-expired = Ihre Bestätigung kam zu spät für das, was Sie vorhatten. Es wurde nichts geändert. Bitte versuchen Sie es erneut.
second-factor-removed = Ihre Authenticator-App und Ihre Wiederherstellungscodes wurden entfernt. Bei der Anmeldung wird nicht mehr nach ihren Codes gefragt.
codes-asked-again = Bei der nächsten Anmeldung wird wieder ein Code verlangt.
change-unmade = Als Sie das letzte Formular abgeschickt haben, waren Sie nicht mehr angemeldet. Es wurde nichts geändert. Jetzt sind Sie wieder angemeldet: Schicken Sie es noch einmal ab, wenn Sie das weiterhin möchten.

## Eine offene Seite, deren Sitzung endet

you-are-signed-out = Sie sind abgemeldet
session-is-over = Diese Sitzung ist beendet. Melden Sie sich an, um fortzufahren.
sign-in-again = Erneut anmelden
session-expires-soon = Sie werden gleich abgemeldet
expires-unless-used = Sie waren eine Weile nicht aktiv. Möchten Sie angemeldet bleiben?
expires-in-any-case = Das Zeitlimit dieser Sitzung ist bald erreicht. Sichern Sie Ihre Arbeit, und melden Sie sich erneut an.
continue-session = Angemeldet bleiben
close = Schließen

## Eine Sitzung

session-signed-out = Abgemeldet
revoke-hint = Wenn Sie dieses Gerät nicht kennen, melden Sie es ab: Das wirkt sofort.
ended-because = { $reason }, { $when }
fact-device = Gerät
fact-proved = Passwort eingegeben
name-heading = Name
name-label = Name dieser Sitzung
name-hint = Damit Sie Ihre Geräte unterscheiden können, zum Beispiel „Laptop im Büro“. Leer lassen, um den Namen zu entfernen.
name-save = Namen speichern
name-too-often = Der Name wurde nicht geändert. Sie haben innerhalb einer Stunde viele Namen vergeben; den nächsten können Sie { $when } vergeben.
name-too-long = Der Name wurde nicht geändert. Er darf höchstens 64 Zeichen lang sein.
name-hidden-character = Der Name wurde nicht geändert. Entfernen Sie das Zeichen { $code }, das unsichtbar ist oder die Schreibrichtung ändert.
not-me-link-hint = Hat sich hier jemand anderes angemeldet?

## Eine Sitzung, die jemand anderes begonnen hat

not-me-question = Hat sich jemand anderes mit „{ $device }“ angemeldet?
not-me-lead = Wenn Sie es nicht waren, bestätigen Sie das unten. Dann geschieht Folgendes:
not-me-ends = Die Sitzung wird sofort beendet.
not-me-has-ended = Die Sitzung ist schon beendet; sie wird als fremd vermerkt.
not-me-forgets = Der Browser dieser Sitzung gilt in Ihrem Konto nicht mehr als bekannt.
# $count (Number)
not-me-ends-others = { $count ->
    [one] { $count } weitere Sitzung, die durch sie möglich wurde, wird ebenfalls abgemeldet.
   *[other] { $count } weitere Sitzungen, die durch sie möglich wurden, werden ebenfalls abgemeldet.
}
not-me-removes-app = Die Authenticator-App, die darin hinzugefügt wurde, wird mit ihren Wiederherstellungscodes entfernt.
not-me-removes-recovery-codes = Die Wiederherstellungscodes, die darin erstellt wurden, gelten nicht mehr.
# $count (Number)
not-me-removes-passkeys = { $count ->
    [one] { $count } Passkey, der darin hinzugefügt wurde oder mit dem sie begann, wird entfernt.
   *[other] { $count } Passkeys, die darin hinzugefügt wurden oder mit denen sie begann, werden entfernt.
}
# $count (Number)
not-me-restores-passkey-names = { $count ->
    [one] { $count } Passkey, der darin umbenannt wurde, erhält seinen früheren Namen zurück.
   *[other] { $count } Passkeys, die darin umbenannt wurden, erhalten ihre früheren Namen zurück.
}
# $count (Number)
not-me-restores-names = { $count ->
    [one] { $count } Sitzung, die darin umbenannt wurde, erhält ihren früheren Namen zurück.
   *[other] { $count } Sitzungen, die darin umbenannt wurden, erhalten ihre früheren Namen zurück.
}
not-me-removes-password = Das Passwort gilt nicht mehr, denn es wurde durch eine Mail an die geänderte Adresse gesetzt. Mit „Passwort vergessen?“ auf der Anmeldeseite setzen Sie ein neues.
not-me-restores-email = Die E-Mail-Adresse Ihres Kontos wird wieder die, die sie vorher war.
not-me-email-taken = Die frühere E-Mail-Adresse Ihres Kontos lässt sich nicht zurückholen, da jetzt ein anderes Konto sie hat. Fragen Sie Ihre Administration.
not-me-removes-password-of-taken-address = Das Passwort gilt nicht mehr, denn es wurde durch eine Mail an die geänderte Adresse gesetzt. Mails für ein neues gehen weiter dorthin: Setzen Sie deshalb zuerst auf der Seite „Sicherheit“ eine Adresse ein, die Ihnen gehört.
not-me-shows = Sie sehen, was darin geschah und welche Sitzungen seither mit demselben Passwort begannen.
not-me-password = Sie wählen ein neues Passwort. Dabei werden alle anderen Geräte abgemeldet.
not-me-confirm = Das war ich nicht
not-me-cancel = Das war ich
not-me-current = Das ist die Sitzung, die Sie gerade nutzen. Wenn auch jemand anderes Ihr Konto nutzt, wählen Sie ein neues Passwort. Dabei werden alle anderen Geräte abgemeldet.
not-me-done = Das waren nicht Sie
not-me-done-lead = Sie haben { $device } { $when } gemeldet. Die Sitzung ist beendet.
not-me-next = Neues Passwort wählen
not-me-stays = Was darin hinzugefügt wurde, bleibt: Womit Sie sich angemeldet haben, ist neuer als das, was entfernt würde, und weniger als einen Tag alt. Bestätigen Sie zuerst mit etwas Älterem, oder warten Sie einen Tag.
not-me-prove = Bestätigen, dass Sie es sind
not-me-next-hint-passkey = Wer sich dort angemeldet hat, hat statt Ihres Passworts einen Passkey verwendet. Prüfen Sie Ihre Passkeys. Wenn die Person auch Ihr Passwort kennen könnte, wählen Sie ein neues: Dann werden alle Ihre anderen Geräte abgemeldet.
not-me-next-hint = Wer sich dort angemeldet hat, kennt Ihr Passwort. Wenn Sie ein neues wählen, werden alle Ihre anderen Geräte abgemeldet.
not-me-since = Seither mit demselben Passwort angemeldet
not-me-since-none = Seither begann keine andere Sitzung mit demselben Passwort.
not-me-since-more = Es gibt weitere. Alle stehen in den Listen der aktiven und der beendeten Sitzungen.
not-me-events = Was in der Sitzung geschah
password-after-report = Jemand anderes kennt Ihr Passwort. Wählen Sie ein neues. Dabei werden alle Ihre anderen Geräte abgemeldet, wenn Sie sie nicht angemeldet lassen.

## Frühere Geräte

device-history = Frühere Geräte
ended-sessions = Beendete Sitzungen
history-hint = Diese Sitzungen sind beendet. Wenn Sie eine nicht kennen, kennt vielleicht jemand Ihr Passwort: <password>Ändern Sie es</password>.
no-older-sessions = Keine älteren Sitzungen.
no-ended-sessions = Noch wurde keine Sitzung beendet.

## Die Aktivität des Kontos

your-activity = Ihre Aktivität
activity-what = Anmeldungen, Abmeldungen und Änderungen Ihres Kontos
activity-hint = Wenn Ihnen etwas unbekannt vorkommt, melden Sie das Gerät unter <devices>Angemeldet</devices> ab, <password>ändern Sie Ihr Passwort</password> und sagen Sie Ihrer Administration Bescheid.
no-older-activity = Keine ältere Aktivität.
no-activity = Noch ist keine Aktivität aufgezeichnet.
by-administrator = Durch die Administration
by-application = Durch eine andere Anwendung
event-signed-in = Angemeldet
event-signed-in-again = Erneut angemeldet
event-signed-in-again-from-elsewhere = Erneut angemeldet, von einer anderen Adresse als zuvor
event-signed-in-again-on-other-device = Erneut angemeldet, auf einem anderen Gerät als zuvor: { $device }
event-signed-in-password = Mit dem Passwort angemeldet
event-signed-in-one-time-password = Mit einem Einmalpasswort angemeldet
event-signed-in-registration = Konto selbst angelegt und angemeldet
event-signed-in-registration-factor = Konto selbst angelegt und mit einem zweiten Faktor angemeldet
event-signed-in-reset = Mit einem Link für ein neues Passwort angemeldet
event-signed-in-reset-totp = Mit einem Link für ein neues Passwort und Code der App angemeldet
event-signed-in-reset-recovery-code = Mit einem Link für ein neues Passwort und Wiederherstellungscode angemeldet
event-signed-in-reset-passkey = Mit einem Link für ein neues Passwort und Passkey angemeldet
event-signed-in-invitation = Mit einer Einladung angemeldet
event-signed-in-invitation-totp = Mit einer Einladung und Code der App angemeldet
event-signed-in-invitation-recovery-code = Mit einer Einladung und Wiederherstellungscode angemeldet
event-signed-in-invitation-passkey = Mit einer Einladung und Passkey angemeldet
event-signed-in-totp = Mit Passwort und Code der App angemeldet
event-signed-in-recovery-code = Mit Passwort und Wiederherstellungscode angemeldet
event-signed-in-password-passkey = Mit Passwort und Passkey angemeldet
event-signed-in-trusted-browser = Mit Passwort angemeldet, in einem Browser ohne Codeabfrage
event-signed-in-one-time-password-totp = Mit Einmalpasswort und Code der App angemeldet
event-signed-in-one-time-password-recovery-code = Mit Einmalpasswort und Wiederherstellungscode angemeldet
event-signed-in-one-time-password-passkey = Mit Einmalpasswort und Passkey angemeldet
event-sign-in-failed = Anmeldung fehlgeschlagen
event-sign-in-failed-wrong-password = Anmeldung fehlgeschlagen: falsches Passwort
event-sign-in-failed-disabled = Anmeldung fehlgeschlagen: Das Konto ist deaktiviert
event-sign-in-failed-no-password = Anmeldung fehlgeschlagen: Das Konto hat kein Passwort
event-sign-in-failed-used-up = Anmeldung fehlgeschlagen: Das Einmalpasswort wurde schon verwendet
event-sign-in-failed-wrong-code = Anmeldung fehlgeschlagen: Das Passwort war richtig, der Code falsch
event-sign-in-failed-used-code = Anmeldung fehlgeschlagen: Der Code war schon verwendet worden
event-sign-in-failed-unreadable-factor = Anmeldung fehlgeschlagen: Der Code konnte nicht geprüft werden
event-sign-ins-refused = { $count ->
    [one] { $count } Anmeldung nach zu vielen Versuchen abgelehnt
   *[other] { $count } Anmeldungen nach zu vielen Versuchen abgelehnt
}
event-unknown-sign-ins-failed = Anmeldungen mit unbekannten E‑Mail-Adressen fehlgeschlagen
event-account-locked = Konto für unbekannte Browser gesperrt
event-account-unlocked = Konto für unbekannte Browser entsperrt
event-session-adopted = Über eine andere Anwendung angemeldet
event-session-rotated = Kennung der Sitzung erneuert
event-session-renamed = In „{ $name }“ umbenannt
event-session-name-removed = Name entfernt
event-session-reported = Gemeldet: Das waren nicht Sie
event-session-ended = Sitzung beendet
event-session-replaced-by-peer = Durch einen Eintrag der anderen Anwendung ersetzt
event-browser-remembered = Browser als bekannt vermerkt
event-browser-trusted = Ein Browser braucht 30 Tage lang keinen Code
event-browser-trust-used = Kein Code verlangt: Diesem Browser wird vertraut
event-browser-trust-ended = { $count ->
    [1] Browser braucht wieder einen Code
    [one] { $count } Browser braucht wieder einen Code
   *[other] { $count } Browser brauchen wieder einen Code
}
event-second-factor-added = Authenticator-App eingerichtet
event-second-factor-removed = Authenticator-App entfernt
event-recovery-codes-removed = Wiederherstellungscodes entfernt
event-recovery-codes-made = Neue Wiederherstellungscodes erstellt
event-account-created = Konto angelegt
event-account-deleted = Konto gelöscht
event-account-disabled = Konto deaktiviert
event-account-enabled = Konto aktiviert
event-role-changed = Rolle geändert
event-role-changed-from-to = Rolle von { $from } in { $to } geändert
event-password-changed = Passwort geändert
event-one-time-password-set = Einmalpasswort vergeben
event-invited = Eingeladen
event-reset-requested = Link für ein neues Passwort erstellt
event-invitation-used = Einladung benutzt
event-reset-refused = Link für ein neues Passwort zu oft angefordert
event-reset-used = Link für ein neues Passwort benutzt
event-email-change-asked = Änderung der E-Mail-Adresse angefordert
event-email-change-cancelled = Änderung der E-Mail-Adresse abgebrochen
event-email-change-used = Link an die neue E-Mail-Adresse benutzt
event-email-restore-used = Link benutzt, der die frühere E-Mail-Adresse zurückholt
event-email-changed = E-Mail-Adresse geändert
event-email-restored = Frühere E-Mail-Adresse zurückgeholt
event-notice-used = Link „Das war ich nicht“ aus einer Mail verwendet
event-mail-given-up = Eine Mail konnte nicht verschickt werden
event-proof-requested = Bestätigung Ihrer Identität verlangt
event-proof-given = Identität bestätigt
event-proof-failed = Bestätigung der Identität fehlgeschlagen
event-forms-refused = { $count ->
    [1] Formular abgelehnt
    [one] { $count } Formular abgelehnt
   *[other] { $count } Formulare abgelehnt
}
event-session-bound = An ihren Browser gebunden
event-bound-session-refused = { $count ->
    [1] Ein anderer Browser mit einer Kopie der Cookies wurde abgewiesen
    [one] Ein anderer Browser mit einer Kopie der Cookies wurde { $count } Mal abgewiesen
   *[other] Ein anderer Browser mit einer Kopie der Cookies wurde { $count } Mal abgewiesen
}
event-requests-refused = { $count ->
    [1] Anfrage abgelehnt: keine Ihrer Sitzungen
    [one] { $count } Anfrage abgelehnt: keine Ihrer Sitzungen
   *[other] { $count } Anfragen abgelehnt: keine Ihrer Sitzungen
}
event-setting-changed = Einstellung geändert
event-command-run = Befehl ausgeführt

## Die Links zwischen den Seiten einer Liste

device-pages = Seiten der Geräte
history-pages = Seiten des Verlaufs
activity-pages = Seiten der Aktivität
first-page = Erste Seite
more-devices = Weitere Geräte
newest = Neueste
older = Ältere

## Warum ein Gerät abgemeldet ist, auf der Anmeldeseite

ended-here = Dieses Gerät wurde { $when } abgemeldet. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-continued = Dieses Gerät wurde { $when } abgemeldet, weil seine Sitzung mit einer neueren Anmeldung weitergeht, in einem anderen Fenster oder auf einem anderen Gerät. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren. Wenn diese Anmeldung nicht von Ihnen war, wählen Sie danach ein neues Passwort.
ended-here-revoked = Dieses Gerät wurde { $when } von einem anderen Ihrer Geräte abgemeldet. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-revoked-by-admin = Dieses Gerät wurde { $when } von der Administration abgemeldet. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-password-changed = Dieses Gerät wurde { $when } abgemeldet, weil das Passwort geändert wurde. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-idle-timeout = Dieses Gerät wurde { $when } abgemeldet, weil es zu lange nicht genutzt wurde. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-absolute-timeout = Dieses Gerät wurde { $when } abgemeldet, weil sein Zeitlimit erreicht war. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-replaced = Dieses Gerät wurde { $when } abgemeldet, weil neuere Anmeldungen seinen Platz eingenommen haben. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-account-disabled = Dieses Gerät wurde { $when } abgemeldet, weil das Konto deaktiviert wurde. Was danach hier getan wurde, blieb ohne Wirkung. Sobald es wieder aktiviert ist, können Sie sich anmelden.

## Während alle anderen Geräte abgemeldet werden

devices-left = { $count ->
    [one] Noch { $count } Gerät
   *[other] Noch { $count } Geräte
}
devices-or-more-left = Noch mindestens { $count } Geräte

signing-out-others = Andere Geräte werden abgemeldet
signing-out-continues = Diese Seite aktualisiert sich alle paar Sekunden. Sie können sie schließen: Die Abmeldung läuft weiter.
if-number-stays = Wenn sich die Zahl nicht ändert
if-number-stays-help = Vielleicht wurde der Server neu gestartet, oder einige Geräte lassen sich nicht abmelden. Beginnen Sie von vorn; was schon abgemeldet ist, bleibt abgemeldet.
sign-out-the-others = Die anderen Geräte abmelden

## Formulare

error-prefix = Fehler:
email = E-Mail-Adresse
password = Passwort
optional = (optional)
cancel = Abbrechen
account-not-created-correct = Das Konto wurde nicht angelegt. Bitte korrigieren Sie:
password-not-changed-correct = Das Passwort wurde nicht geändert. Bitte korrigieren Sie:
too-many-attempts-seconds = { $seconds ->
    [one] Zu viele Versuche. Versuchen Sie es in { $seconds } Sekunde erneut.
   *[other] Zu viele Versuche. Versuchen Sie es in { $seconds } Sekunden erneut.
}
too-many-attempts-minutes = { $minutes ->
    [one] Zu viele Versuche. Versuchen Sie es in { $minutes } Minute erneut.
   *[other] Zu viele Versuche. Versuchen Sie es in { $minutes } Minuten erneut.
}
many-people-sign-in = { $seconds ->
    [one] Gerade melden sich viele gleichzeitig an. Versuchen Sie es in { $seconds } Sekunde erneut.
   *[other] Gerade melden sich viele gleichzeitig an. Versuchen Sie es in { $seconds } Sekunden erneut.
}
account-not-created-unchecked = Neue Passwörter lassen sich gerade nicht prüfen. Das Konto wurde nicht angelegt. Versuchen Sie es später erneut, und sagen Sie Ihrer Administration Bescheid, wenn diese Meldung wieder erscheint.
password-not-changed-unchecked = Neue Passwörter lassen sich gerade nicht prüfen. Ihr Passwort wurde nicht geändert. Versuchen Sie es später erneut, und sagen Sie Ihrer Administration Bescheid, wenn diese Meldung wieder erscheint.
database-unreachable = { -product } erreicht gerade die Datenbank nicht. Versuchen Sie es in einigen Sekunden erneut.
passwords-differ = Die beiden Passwörter stimmen nicht überein.
password-too-short = Verwenden Sie mindestens { $count } Zeichen; einige leicht zu merkende Wörter eignen sich gut.
password-too-long = Verwenden Sie höchstens { $count } Zeichen.
password-too-easy = Dieses Passwort ist zu leicht zu erraten: Es besteht aus häufigen Wörtern, Wiederholungen, Reihen oder benachbarten Tasten. Verwenden Sie mehrere Wörter, die nichts miteinander zu tun haben.
password-is-own-name = Dieses Passwort besteht größtenteils aus Ihrem Namen, Ihrer E-Mail-Adresse oder dem Namen dieser Website. Verwenden Sie mehrere andere Wörter.
password-is-breached = Dieses Passwort steht in einer Liste gestohlener Passwörter, die Angreifer zuerst probieren. Wählen Sie ein anderes.
password-hint = Mindestens { $count } Zeichen; einige leicht zu merkende Wörter eignen sich gut.
email-invalid = Geben Sie eine E-Mail-Adresse ein, etwa name@example.com.
email-taken = Es gibt schon ein Konto mit dieser E-Mail-Adresse.
user-name-too-long = Verwenden Sie höchstens { $count } Zeichen.
name-has-control-character = Entfernen Sie das Steuerzeichen { $code }.
name-has-hidden-character = Entfernen Sie das Zeichen { $code }. Es ist unsichtbar oder ändert die Richtung des Textes.

## Anmelden

sign-in = Anmelden
sign-in-to = Bei { -product } anmelden
bound-elsewhere = Die Sitzung dieses Cookies ist an den Browser gebunden, der sich angemeldet hat, und dieser hier konnte nicht beweisen, dass er es ist. Dort geht die Sitzung weiter. Melden Sie sich an, um hier fortzufahren.
keep-me-signed-in = Angemeldet bleiben
sign-in-to-continue = Melden Sie sich an, um fortzufahren.
unmade-change-sign-in = Als Sie das Formular abgeschickt haben, waren Sie nicht mehr angemeldet. Es wurde nichts geändert. Melden Sie sich an, um fortzufahren.
twin-cookies = Eine andere Website dieser Domain hat ein Cookie mit dem Namen des Cookies von { -product } gesetzt. Ihr Browser wird deshalb nicht erkannt. Wenn Sie sich anmelden, wird jenes Cookie gelöscht. Erscheint diese Meldung wieder, löschen Sie in den Einstellungen Ihres Browsers die Cookies dieser Website und ihrer Domain.
sign-in-rejected = E-Mail-Adresse oder Passwort ist falsch.
one-time-password-used-up = Dieses Einmalpasswort wurde schon verwendet. Machen Sie dort weiter, wo Sie sich angemeldet haben, oder bitten Sie Ihre Administration um ein neues. Wenn Sie es nicht selbst verwendet haben, sagen Sie dort Bescheid.
account-locked = Für dieses Konto wurden zu viele falsche Passwörter eingegeben. Melden Sie sich in einem Browser an, in dem Sie schon einmal angemeldet waren, oder bitten Sie Ihre Administration, das Konto zu entsperren.

## Zweiter Schritt der Anmeldung

second-heading = Code eingeben
second-lead-app = Um sich anzumelden, geben Sie nun den Code ein, den Ihre Authenticator-App zeigt.
second-lead-recovery = Um sich anzumelden, geben Sie nun einen Ihrer Wiederherstellungscodes ein. Jeder gilt für eine Anmeldung.
second-code = Code der App
second-recovery-code = Wiederherstellungscode
second-trust = In diesem Browser 30 Tage lang keinen Code verlangen
second-use-recovery = Wiederherstellungscode verwenden
second-use-app = Authenticator-App verwenden
second-hint = Wenn Sie beides nicht haben, wenden Sie sich an Ihre Administratorin oder Ihren Administrator. Nicht Ihr Konto? <login>Neu beginnen</login>
second-wrong-code = Dieser Code ist falsch. Geben Sie den ein, den die App jetzt zeigt. Ist auch der falsch, prüfen Sie die Uhr Ihres Telefons.
second-wrong-recovery-code = Das ist keiner Ihrer Wiederherstellungscodes. Prüfen Sie Ihre Eingabe.
second-used-code = Dieser Code wurde schon verwendet. Warten Sie, bis die App den nächsten zeigt.
second-used-recovery-code = Dieser Wiederherstellungscode wurde schon verwendet. Geben Sie einen anderen ein.
second-unreadable = Ihr Code kann nicht geprüft werden: Der Website fehlt ein Geheimnis. Bitten Sie Ihre Administratorin oder Ihren Administrator, es wieder zu KEYRACK_SECRETS hinzuzufügen oder Ihren zweiten Faktor zu entfernen.
second-locked = Für dieses Konto wurden zu viele falsche Codes eingegeben. Benutzen Sie einen Ihrer Wiederherstellungscodes, melden Sie sich in einem Browser an, den Sie dafür schon benutzt haben, oder lassen Sie das Konto entsperren.
second-over = Der Code kam zu spät, oder Ihr Konto hat sich inzwischen geändert. Melden Sie sich noch einmal an.

## Authenticator-App und Wiederherstellungscodes

authenticator-heading = Authenticator-App einrichten
authenticator-lead = Danach genügt Ihr Passwort allein nicht mehr zur Anmeldung.
authenticator-demanded = Ihr Konto braucht einen zweiten Faktor. Richten Sie eine Authenticator-App auf Ihrem Telefon ein, um fortzufahren.
authenticator-scan = Scannen Sie diesen Code mit der App
authenticator-type = Oder geben Sie diesen Schlüssel in der App ein:
authenticator-open = App auf diesem Gerät öffnen
authenticator-code = Code, den die App jetzt zeigt
authenticator-finish = Einrichten
authenticator-expired = Der Code, den Sie gescannt haben, ist abgelaufen. Scannen Sie den neuen.
recovery-codes-heading = Bewahren Sie Ihre Codes auf
recovery-codes-lead = Ihre Authenticator-App ist eingerichtet. Wenn Sie sie nicht zur Hand haben, gilt jeder dieser Codes zusammen mit Ihrem Passwort für eine Anmeldung.
recovery-codes-lead-renewed = Jeder dieser Codes gilt zusammen mit Ihrem Passwort für eine Anmeldung. Ihre früheren Codes sind ungültig.
recovery-codes-hint = Drucken Sie diese Seite oder schreiben Sie die Codes auf, und bewahren Sie sie sicher auf. Sie werden nicht noch einmal angezeigt.
recovery-codes-kept = Ich habe sie aufbewahrt

## Sicherheit

security-heading = Sicherheit
security-what = Was Ihr Konto schützt, und wo ein Code verlangt wird.
security-email = E-Mail-Adresse
security-email-change = Adresse ändern
security-email-pending = Eine Änderung in { $email } wurde { $ago } angefordert. Sie gilt, sobald der Link in der Mail an diese Adresse benutzt wird, innerhalb von 24 Stunden.
security-password-since = Gesetzt { $ago }
security-no-password = Eine andere Anwendung meldet Sie an. Sie haben hier kein Passwort, und es wird kein Code verlangt.
security-app = Authenticator-App
security-app-none = Nicht eingerichtet. Mit ihr genügt Ihr Passwort allein nicht mehr zur Anmeldung.
security-app-demanded = Nicht eingerichtet. Bei der nächsten Anmeldung werden Sie dazu aufgefordert.
security-app-set-up = App einrichten
security-app-since = Eingerichtet { $ago }
security-app-since-on = Eingerichtet { $ago } auf { $device }
security-app-unreadable = Diese Website kann ihre Codes nicht mehr prüfen, darum können Sie sich damit nicht anmelden. Entfernen Sie die App und richten Sie sie neu ein.
security-app-remove = App entfernen
security-app-remove-demanded = Nachdem Sie sie entfernt haben, müssen Sie bei der nächsten Anmeldung eine neue einrichten.
security-codes = Wiederherstellungscodes
security-codes-left = { $count ->
    [0] Es ist kein Code übrig.
    [one] { $count } Code ist übrig.
   *[other] { $count } Codes sind übrig.
}
security-codes-low = Erstellen Sie neue, bevor Sie sie brauchen.
security-codes-make = Neue Codes erstellen
security-codes-hint = Neue Codes ersetzen die früheren.
security-browsers = Browser ohne Code
security-browsers-none = In jedem Browser wird ein Code verlangt.
security-browser-until = Braucht { $when } wieder einen Code
security-browser-forget = Wieder einen Code verlangen
security-browsers-forget = In allen Browsern wieder verlangen

## Abmelden

sign-out-of-this-device = Von diesem Gerät abmelden?
signed-in-as-user = Sie sind als { $user } angemeldet. Ihre anderen Geräte bleiben angemeldet.
stay-signed-in = Angemeldet bleiben

## Bestätigen, wer man ist

confirm-its-you = Bestätigen Sie, dass Sie es sind
enter-password-again = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren.
enter-password-to-sign-out = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach wird das andere Gerät abgemeldet.
enter-password-to-sign-out-others = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach werden alle anderen Geräte abgemeldet.
enter-password-to-sign-out-selected = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach werden die ausgewählten Geräte abgemeldet.
enter-password-to-sign-out-all = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach werden alle Geräte abgemeldet, auch dieses.
enter-password-to-remove-passkey = Bestätigen Sie, dass Sie es sind. Danach wird der Passkey entfernt.
enter-password-to-report = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach wird die fremde Sitzung beendet.
enter-password-to-remove-app = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach wird Ihre Authenticator-App entfernt.
enter-password-to-make-codes = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach erhalten Sie neue Wiederherstellungscodes.
enter-password-to-ask-for-codes = Geben Sie Ihr Passwort noch einmal ein, um fortzufahren. Danach wird wieder ein Code verlangt.
confirm = Bestätigen
not-your-password = Das ist nicht Ihr Passwort. Versuchen Sie es erneut.
no-password-here = Sie haben hier kein Passwort.
too-many-wrong-passwords = Auf diesem Gerät wurden zu viele falsche Passwörter eingegeben. Melden Sie sich ab und wieder an.
no-password-ask-if-needed = Sie haben sich über eine andere Anwendung angemeldet und haben hier kein Passwort. Bitten Sie Ihre Administration um eines, wenn Sie fortfahren müssen.
no-password-change-there = Sie haben sich über eine andere Anwendung angemeldet und haben hier kein Passwort. Ändern Sie es dort, oder bitten Sie Ihre Administration um eines.

## Das Passwort ändern

choose-your-own-password = Wählen Sie ein eigenes Passwort
one-time-password-lead = Sie haben sich mit einem Einmalpasswort angemeldet. Wählen Sie ein eigenes Passwort, um fortzufahren.
current-password = Aktuelles Passwort
new-password = Neues Passwort
confirm-new-password = Neues Passwort wiederholen
keep-others-signed-in = Andere Geräte angemeldet lassen
enter-current-password = Geben Sie Ihr aktuelles Passwort ein.
enter-new-password = Geben Sie ein neues Passwort ein.
not-your-current-password = Das ist nicht Ihr aktuelles Passwort.
same-as-current-password = Das ist Ihr aktuelles Passwort. Wählen Sie ein anderes.
password-changed-meanwhile = Dieses Formular wurde nicht verwendet: Während es offen war, wurde Ihr Passwort in einem anderen Tab oder durch einen zweiten Klick geändert. Sie sind angemeldet, und es gilt das Passwort, das Sie dort gewählt haben. Um es noch einmal zu ändern, geben Sie es als aktuelles Passwort ein.

## Das erste Konto anlegen

create-first-account = Das erste Konto anlegen
administrator-account = Dies wird das Konto der Administration.
user-name = Benutzername
first-name = Vorname
last-name = Nachname
confirm-password = Passwort wiederholen
create-account = Konto anlegen
email-hint = Damit melden Sie sich an.
enter-first-name = Geben Sie einen Vornamen ein.

## Mails

mail-automatic = Diese Mail wurde automatisch verschickt. Bitte antworten Sie nicht darauf.
mail-test-subject = Testmail von { -product }
mail-test-text = Wenn Sie das lesen können, kann { -product } Mails verschicken.

mail-reset-subject = Neues Passwort für { -product }
mail-reset-text = Für Ihr Konto bei { -product } wurde ein neues Passwort angefordert. Um eines zu wählen, öffnen Sie diesen Link:
mail-reset-link = Neues Passwort wählen
mail-reset-note = Wenn Sie das nicht angefordert haben, brauchen Sie nichts zu tun. Ihr Passwort bleibt, wie es ist.
mail-invitation-subject = Ihr Konto bei { -product }
mail-invitation-text = Für Sie wurde ein Konto bei { -product } angelegt. Um es zu benutzen, wählen Sie Ihr Passwort:
mail-invitation-link = Passwort wählen
mail-invitation-note = Wenn Sie das nicht erwartet haben, brauchen Sie nichts zu tun.
mail-link-hours = { $count ->
    [one] Der Link funktioniert einmal und läuft { $count } Stunde nach seiner Erstellung ab.
   *[other] Der Link funktioniert einmal und läuft { $count } Stunden nach seiner Erstellung ab.
}
mail-link-days = { $count ->
    [one] Der Link funktioniert einmal und läuft { $count } Tag nach seiner Erstellung ab.
   *[other] Der Link funktioniert einmal und läuft { $count } Tage nach seiner Erstellung ab.
}

## Links, die ein Passwort setzen

reset-title = Neues Passwort wählen
reset-lead-second = Alle Ihre Geräte werden abgemeldet. Hier werden Sie danach nach Ihrem zweiten Faktor gefragt.
reset-lead-set-up = Alle Ihre Geräte werden abgemeldet. Hier richten Sie danach einen zweiten Faktor ein: Diese Website verlangt einen.
reset-lead = Alle Ihre Geräte werden abgemeldet, und Sie werden hier angemeldet.
reset-passkeys = Diese Passkeys entfernen
reset-passkeys-hint = Mit jedem von ihnen ist die Anmeldung ohne Ihr Passwort möglich. Entfernen Sie das Häkchen bei denen, die Ihnen gehören, um sie zu behalten.
reset-passkeys-stay = Dieses Konto hat Passkeys:
reset-passkeys-stay-address = Die Adresse dieses Kontos wurde vor weniger als einem Tag geändert, deshalb kann ein Link sie noch nicht entfernen. Entfernen Sie morgen die, die nicht Ihnen gehören, oder machen Sie die Änderung der Adresse rückgängig.
reset-passkeys-stay-hint = Danach werden Sie nach einem davon gefragt. Wenn Sie einen nicht kennen, entfernen Sie ihn danach: Ein Link allein kann das nicht.
reset-app = Dieses Konto ist auch geschützt durch:
reset-app-hint = Danach werden Sie nach einem Code gefragt. Wenn Sie die App nicht eingerichtet haben, sagen Sie Ihrer Administration Bescheid: Ein Link allein kann sie nicht entfernen.
invitation-title = Willkommen bei { -product }
invitation-lead-set-up = Wählen Sie ein Passwort für Ihr Konto. Danach richten Sie einen zweiten Faktor ein: Diese Website verlangt einen.
invitation-lead = Wählen Sie ein Passwort für Ihr Konto. Danach sind Sie angemeldet.
set-password = Passwort setzen
link-used = Dieser Link wurde schon benutzt
link-used-text = Er funktioniert einmal, und mit ihm wurde ein Passwort gesetzt. Melden Sie sich mit diesem Passwort an. Wenn Sie das nicht waren, sagen Sie es sofort Ihrer Administration.
link-expired = Dieser Link gilt nicht mehr
reset-link-expired-text = Links gelten nur begrenzte Zeit und nicht mehr, sobald das Passwort geändert wurde. Fordern Sie einen neuen Link an, oder melden Sie sich an, wenn Sie Ihr Passwort wissen.
reset-link-expired-ask = Links gelten nur begrenzte Zeit und nicht mehr, sobald das Passwort geändert wurde. Bitten Sie Ihre Administration um einen neuen Link, oder melden Sie sich an, wenn Sie Ihr Passwort wissen.
invitation-expired-text = Links gelten nur begrenzte Zeit und nicht mehr, sobald ein Passwort gesetzt wurde. Bitten Sie Ihre Administration um eine neue Einladung.

forgot-link = Passwort vergessen?
forgot-title = Passwort vergessen?
forgot-lead = Geben Sie die E-Mail-Adresse ein, mit der Sie sich anmelden. Sie bekommen eine Mail mit einem Link, der ein neues Passwort setzt.
forgot-send = Link schicken
forgot-sent = Sehen Sie in Ihre Mails
forgot-sent-text = Wenn es ein Konto mit dieser Adresse gibt, ist eine Mail mit einem Link unterwegs. Der Link funktioniert einmal, innerhalb einer Stunde.
forgot-sent-hint = Wenn keine Mail kommt, sehen Sie auch im Spam nach. Sie können nach einer Minute noch einmal einen Link anfordern, aber höchstens dreimal in einer Stunde.
forgot-no-mail = Diese Website verschickt keine Mails. Bitten Sie Ihre Administration um einen Link, der ein neues Passwort setzt.
forgot-again = Neuen Link anfordern

## Eine andere E-Mail-Adresse

email-change-title = E-Mail-Adresse ändern
email-change-lead = Sie melden sich mit { $email } an. Die neue Adresse bekommt eine Mail mit einem Link; es ändert sich nichts, bis Sie ihn benutzen.
email-change-new = Neue E-Mail-Adresse
email-change-send = Link schicken
email-change-same = Das ist schon Ihre Adresse.
email-change-no-mail = Diese Website verschickt keine Mails. Bitten Sie Ihre Administration, Ihre Adresse zu ändern.
email-change-sent = Sehen Sie in Ihre Mails
email-change-sent-text = Eine Mail an die neue Adresse ist unterwegs. Ihr Link funktioniert einmal, innerhalb von 24 Stunden. Bis Sie ihn benutzen, bleibt Ihre Adresse, wie sie ist.
email-change-sent-hint = Wenn keine Mail kommt, sehen Sie auch im Spam nach, und ob Sie sich bei der Adresse vertippt haben. Nach einer Minute können Sie noch einmal einen Link anfordern.
email-change-cancel = Diese Änderung abbrechen
email-change-cancelled = Die Änderung Ihrer E-Mail-Adresse ist abgebrochen. Der Link in der Mail gilt nicht mehr.
email-change-back = Zurück zu „Sicherheit“
verify-title = Bestätigen Sie Ihre neue E-Mail-Adresse
verify-lead = Das Konto mit der Adresse { $former } soll diese bekommen: { $new }. Bestätigen Sie sie nur, wenn das Ihr Konto ist.
verify-confirm = Adresse bestätigen
verify-done = Ihre E-Mail-Adresse ist geändert
verify-done-text = Melden Sie sich ab jetzt mit der neuen Adresse an. Die frühere hat eine Mail mit einem Link bekommen, der das 7 Tage lang rückgängig macht.
verify-restore-title = Frühere Adresse zurückholen?
verify-restore-address = { $email } wird wieder die Adresse Ihres Kontos.
verify-restore-sessions = Alle Geräte werden abgemeldet.
verify-restore-password = Das Passwort gilt nicht mehr, denn wer die Adresse geändert hat, kennt es vielleicht. Als Nächstes wählen Sie ein neues.
verify-restore-lead = Wenn Sie die Adresse nicht selbst geändert haben, drücken Sie auf den Knopf. Dann:
verify-restore = Zurückholen
verify-used = Er funktioniert einmal, und die Adresse wurde mit ihm geändert.
verify-expired = Links funktionieren für begrenzte Zeit und nicht mehr, wenn sie ersetzt wurden oder das Passwort geändert wurde.
verify-taken = Ein anderes Konto hat diese Adresse
verify-taken-text = Es wurde nichts geändert. Wenn beide Konten Ihre sind, melden Sie sich beim anderen an; sonst fragen Sie Ihre Administration.

## Ein eigenes Konto

register-link = Konto anlegen
register-title = Konto anlegen
register-lead = Geben Sie Ihre E-Mail-Adresse ein. Sie bekommen eine Mail mit einem Link, mit dem Sie Ihren Namen und ein Passwort wählen.
register-send = Link schicken
register-sent = Sehen Sie in Ihre Mails
register-sent-text = Eine Mail an diese Adresse ist unterwegs. Ihr Link funktioniert einmal, innerhalb von 24 Stunden. Wenn Sie schon ein Konto haben, steht das in der Mail.
register-sent-hint = Wenn keine Mail kommt, sehen Sie auch im Spam nach, und ob Sie sich bei der Adresse vertippt haben. Nach einer Minute können Sie noch einmal einen Link anfordern.
new-account-title = Willkommen bei { -product }
new-account-lead = Ihre Adresse ist bestätigt. Wählen Sie Ihren Namen und ein Passwort, dann ist Ihr Konto fertig.
verify-registered = Er funktioniert einmal, und es wurde ein Konto mit ihm angelegt. Melden Sie sich mit Ihrer Adresse und Ihrem Passwort an. Wenn Sie das nicht waren, sagen Sie es sofort Ihrer Administration.

## Fehlerseiten

error-status = Fehler { $status }
request-id = Kennung der Anfrage
open-page-again = Seite erneut öffnen
error-proof-required = Die letzte Anmeldung auf diesem Gerät liegt dafür zu lange zurück. Es wurde nichts geändert. Geben Sie das Passwort unter /reauth noch einmal ein, und versuchen Sie es dann erneut.
error-password-change = Ändern Sie zuerst Ihr Passwort
error-password-change-text = Sie haben sich mit einem Einmalpasswort angemeldet. Es wurde nichts geändert. Wählen Sie unter /account/password ein eigenes Passwort, und versuchen Sie es dann erneut.
error-not-signed-in = Sie sind nicht angemeldet
error-not-signed-in-text = Melden Sie sich an, und versuchen Sie es dann erneut.
error-not-found = Nicht gefunden
error-not-found-text = Vielleicht enthält die Adresse einen Tippfehler, oder die Seite gibt es nicht mehr.
error-no-such-session = Diese Sitzung gibt es nicht
error-no-such-session-text = Vielleicht enthält ihre Adresse einen Tippfehler, oder sie endete vor so langer Zeit, dass ihr Eintrag gelöscht wurde. Es wurde nichts geändert.
error-wrong-method = Diese Seite lässt sich nicht direkt öffnen
error-wrong-method-text = Nutzen Sie die Links und Schaltflächen auf den Seiten von { -product }.
error-timeout = Das hat zu lange gedauert
error-timeout-text = Prüfen Sie Ihre Verbindung, und versuchen Sie es erneut.
error-headers-too-large = Diese Anfrage ist zu groß
error-headers-too-large-text = Die Adresse und die Cookies dieser Anfrage sind zu lang. Löschen Sie die Cookies dieser Website, und versuchen Sie es erneut.
error-too-large = Das ist zu groß
error-too-large-text = Kürzen Sie Ihre Eingabe, und versuchen Sie es erneut.
error-busy = Gerade melden sich viele gleichzeitig an
error-busy-text = Zu viele Passwörter warten auf ihre Prüfung. Es wurde nichts geändert. Versuchen Sie es in einigen Sekunden erneut.
error-unavailable = Gleich wieder da
error-unavailable-text = { -product } erreicht gerade die Datenbank nicht. Wo Sie angemeldet waren, sind Sie es weiterhin. Versuchen Sie es in einigen Sekunden erneut.
error-incomplete = Nicht alles wurde erledigt
error-incomplete-text = { -product } hat getan, was möglich war, aber einige Geräte ließen sich nicht abmelden. Sehen Sie in der Liste Ihrer Geräte nach, welche übrig sind, und nennen Sie Ihrer Administration die Kennung der Anfrage, die unten steht.
error-malformed = Diese Anfrage lässt sich nicht lesen
error-malformed-text = Gehen Sie zurück, laden Sie die Seite neu, und versuchen Sie es erneut.
error-not-utf8 = Dieses Formular lässt sich nicht lesen
error-not-utf8-text = Es enthält Zeichen, die nicht als UTF-8 kodiert sind. Ihre Eingabe könnte also unterwegs verändert worden sein. Es wurde nichts geändert. Gehen Sie zurück, laden Sie die Seite neu, und geben Sie alles noch einmal ein.
error-internal = Etwas ist schiefgegangen
error-internal-text = Auf unserer Seite ist etwas fehlgeschlagen. Wenn es wieder geschieht, nennen Sie Ihrer Administration die Kennung der Anfrage, die unten steht.

## Abgelehnte Formulare

form-outdated = Dieses Formular ist nicht mehr gültig
form-outdated-text = Es wurde geöffnet, bevor Sie sich an- oder abgemeldet haben, oder es stammt von einer anderen Website. Es wurde nichts geändert. Gehen Sie zurück, laden Sie die Seite neu, und versuchen Sie es erneut.
form-former-session-text = Es wurde geöffnet, bevor dieser Browser Ihr Passwort bestätigt oder geändert oder sich erneut angemeldet hat. Ältere Formulare in anderen Tabs werden dadurch ungültig. Sie sind weiterhin angemeldet, und dieses Formular hat nichts geändert. Öffnen Sie die Seite erneut, und wiederholen Sie Ihre Eingabe.
form-no-cookie = Es kam kein Cookie zurück
form-no-cookie-text = { -product } braucht für die Anmeldung ein Cookie, und Ihr Browser hat mit dem Formular keines geschickt. Es wurde nichts geändert. Erlauben Sie Cookies für diese Website, öffnen Sie { $url }, und versuchen Sie es erneut.
form-not-https = Unter dieser Adresse ist keine Anmeldung möglich
form-not-https-text = Diese Seite wurde über http geöffnet, und die Cookies von { -product } werden nur über https geschickt. Es wurde nichts geändert. Öffnen Sie stattdessen { $url }.
form-unknown-cookie = Das Cookie des Formulars lässt sich nicht prüfen
form-unknown-cookie-text = Es wurde von einem anderen Server gesetzt, oder bevor sich die Geheimnisse von { -product } geändert haben. Es wurde nichts geändert. Öffnen Sie { $url }, und versuchen Sie es erneut. Wenn das wieder geschieht, sagen Sie Ihrer Administration Bescheid: Jede Instanz von { -product } braucht dieselben Geheimnisse.
form-two-cookies = Es kamen zwei Cookies zurück
form-two-cookies-text = Eine andere Website dieser Domain hat ein Cookie mit dem Namen des Cookies von { -product } gesetzt. Es wurde nichts geändert. Löschen Sie in den Einstellungen Ihres Browsers die Cookies dieser Website und ihrer Domain, öffnen Sie { $url }, und versuchen Sie es erneut.

mail-new-browser-subject = Neue Anmeldung bei Ihrem Konto bei { -product }
mail-new-browser-text = Bei Ihrem Konto bei { -product } hat sich ein Browser angemeldet, den es nicht kannte.
mail-password-changed-subject = Ihr Passwort für { -product } wurde geändert
mail-password-changed-text = Das Passwort Ihres Kontos bei { -product } wurde geändert.
mail-password-set-text = Ihr Konto bei { -product } hat von der Administration ein neues Passwort bekommen.
mail-ways-in-subject = Ein Zugang zu Ihrem Konto bei { -product } wurde geändert
mail-ways-in-changed = Ein Zugang zu Ihrem Konto bei { -product } wurde geändert.
mail-app-added = Für Ihr Konto bei { -product } wurde eine Authenticator-App eingerichtet.
mail-app-removed = Die Authenticator-App wurde von Ihrem Konto bei { -product } entfernt. Bei der Anmeldung wird nicht mehr nach ihren Codes gefragt.
mail-app-removed-by-administrator = Die Administration hat die Authenticator-App und die Wiederherstellungscodes von Ihrem Konto bei { -product } entfernt.
mail-passkey-added = Für Ihr Konto bei { -product } wurde ein Passkey hinzugefügt. Mit ihm ist die Anmeldung ohne Ihr Passwort möglich.
mail-passkey-removed = Ein Passkey wurde von Ihrem Konto bei { -product } entfernt.
mail-passkey-removed-by-administrator = Die Administration hat einen Passkey von Ihrem Konto bei { -product } entfernt.
mail-codes-made = Für Ihr Konto bei { -product } wurden neue Wiederherstellungscodes erstellt. Die früheren gelten nicht mehr.
mail-code-used = Bei Ihrem Konto bei { -product } wurde einer der Wiederherstellungscodes zur Anmeldung verwendet.
mail-failures-subject = Viele fehlgeschlagene Anmeldungen bei Ihrem Konto bei { -product }
mail-failures-text = { $count ->
    [one] Innerhalb eines Tages ist { $count } Anmeldung bei Ihrem Konto bei { -product } fehlgeschlagen, weil das Passwort falsch war. Sie bekommen diese Mail höchstens einmal am Tag.
   *[other] Innerhalb eines Tages sind { $count } Anmeldungen bei Ihrem Konto bei { -product } fehlgeschlagen, weil das Passwort falsch war. Sie bekommen diese Mail höchstens einmal am Tag.
}
mail-passkey-failures-text = { $count ->
    [one] Innerhalb eines Tages ist { $count } Anmeldung bei Ihrem Konto bei { -product } fehlgeschlagen, weil der Passkey nicht angenommen wurde. Sie bekommen diese Mail höchstens einmal am Tag.
   *[other] Innerhalb eines Tages sind { $count } Anmeldungen bei Ihrem Konto bei { -product } fehlgeschlagen, weil der Passkey nicht angenommen wurde. Sie bekommen diese Mail höchstens einmal am Tag.
}
mail-wrong-codes-subject = Jemand kennt vielleicht Ihr Passwort für { -product }
mail-wrong-codes-text = { $count ->
    [one] Innerhalb eines Tages hatte { $count } Anmeldung bei Ihrem Konto bei { -product } das richtige Passwort, aber einen falschen Code. Sie bekommen diese Mail höchstens einmal am Tag.
   *[other] Innerhalb eines Tages hatten { $count } Anmeldungen bei Ihrem Konto bei { -product } das richtige Passwort, aber einen falschen Code. Sie bekommen diese Mail höchstens einmal am Tag.
}
mail-fact-when = Zeit: { $time }
mail-fact-device = Gerät: { $device }
mail-fact-address = Adresse: { $address }
mail-notice-note = Wenn Sie das waren, brauchen Sie nichts zu tun.
mail-email-change-subject = Bestätigen Sie Ihre neue E-Mail-Adresse für { -product }
mail-email-change-text = Diese Adresse wurde als neue E-Mail-Adresse eines Kontos bei { -product } angegeben. Um sie zu bestätigen, öffnen Sie diesen Link:
mail-email-change-link = Adresse bestätigen
mail-email-change-note = Wenn Sie das nicht angefordert haben, ignorieren Sie diese Mail. Es ändert sich nichts, solange der Link nicht benutzt wird.
mail-email-changed-subject = Ihre E-Mail-Adresse für { -product } wurde geändert
mail-email-changed-text = Die E-Mail-Adresse Ihres Kontos bei { -product } wurde geändert. Ab jetzt melden Sie sich mit der neuen an, und Mails gehen dorthin.
mail-email-changed-note = Wenn Sie das waren, ist nichts zu tun. Wenn nicht, benutzen Sie den Link: Er holt diese Adresse zurück, meldet alle Geräte ab, und Sie wählen ein neues Passwort.
mail-email-set-text = Die Administration hat die E-Mail-Adresse Ihres Kontos bei { -product } geändert. Ab jetzt melden Sie sich mit der neuen an, und Mails gehen dorthin.
mail-email-set-note = Wenn Sie nicht darum gebeten haben, wenden Sie sich an Ihre Administration.
mail-email-restore = Diese Adresse zurückholen
mail-registration-subject = Legen Sie Ihr Konto bei { -product } an
mail-registration-text = Mit dieser Adresse wurde ein Konto bei { -product } angefordert. Um es anzulegen, öffnen Sie diesen Link:
mail-registration-link = Konto anlegen
mail-registration-note = Wenn Sie das nicht angefordert haben, ignorieren Sie diese Mail. Es gibt kein Konto, solange der Link nicht benutzt wird.
mail-account-exists-subject = Sie haben ein Konto bei { -product }
mail-account-exists-text = Mit dieser Adresse wurde ein Konto bei { -product } angefordert. Es wurde keines angelegt, denn Sie haben schon eines.
mail-address-taken-subject = Ihre E-Mail-Adresse bei { -product }
mail-address-taken-text = Ein anderes Konto bei { -product } sollte diese E-Mail-Adresse bekommen. Es wurde nichts geändert, denn Sie haben ein Konto mit dieser Adresse.
mail-address-taken-note = Wenn Sie das waren, melden Sie sich mit dieser Adresse an; wenn Sie das Passwort vergessen haben, fordern Sie auf der Anmeldeseite ein neues an. Wenn Sie es nicht waren, ist nichts zu tun.
mail-fact-new-email = Neue Adresse: { $email }
mail-failures-note = Wenn Sie sich vertippt haben, brauchen Sie nichts zu tun. Andernfalls versucht jemand, Ihr Passwort zu erraten, und ist damit nicht hineingekommen. Der Link führt zu dem, was hilft: ein neues Passwort, und alle Geräte abzumelden.
mail-passkey-failures-note = Ein Passkey lässt sich nicht erraten, und niemand ist damit hineingekommen. Wenn Sie sich selbst mit einem Passkey anmelden wollten, sehen Sie nach, ob er noch auf der Seite „Sicherheit“ steht. Andernfalls brauchen Sie nichts zu tun: Ihr Passwort ist nicht betroffen.
mail-wrong-codes-note = Wenn Sie sich bei den Codes vertippt haben, brauchen Sie nichts zu tun. Andernfalls kennt jemand Ihr Passwort, und nur der Code hat das Konto geschützt: Wählen Sie jetzt ein neues Passwort. Der Link führt dorthin.
mail-notice-days = Der Link gilt 7 Tage.

## Wohin die Links der Hinweise führen

notice-heading = Waren Sie das nicht?
notice-ends-device = Wenn Sie auf die Schaltfläche drücken, wird dieses Gerät sofort abgemeldet. Sie selbst werden hier nicht angemeldet.
notice-ends-all = Wenn Sie auf die Schaltfläche drücken, werden alle Geräte sofort abgemeldet, auch Ihre. Sie selbst werden hier nicht angemeldet.
notice-ends-all-to-be-sure = Diese Versuche haben kein Gerät angemeldet. Wenn Sie sichergehen wollen, drücken Sie auf die Schaltfläche: Alle Geräte werden sofort abgemeldet, auch Ihre. Sie selbst werden hier nicht angemeldet.
notice-failures-advice = Damit ist niemand hineingekommen. Ein Passwort, das Sie nirgends sonst verwenden und das schwer zu erraten ist, sorgt dafür, dass es so bleibt. Wenn Ihres anders ist, wählen Sie ein neues.
notice-passkey-failures-advice = Damit ist niemand hineingekommen, denn ein Passkey lässt sich nicht erraten. Melden Sie sich an, um Ihre Passkeys auf der Seite „Sicherheit“ zu sehen.
notice-wrong-codes-advice = Jemand kennt Ihr Passwort, und nur der Code hat das Konto geschützt. Wählen Sie ein neues Passwort: Das bekannte nützt dann nichts mehr.
notice-new-password = Neues Passwort wählen
notice-end-device = Gerät abmelden
notice-end-all = Alle Geräte abmelden
notice-done = Abgemeldet
notice-done-device = Das Gerät ist abgemeldet. Wer es benutzt hat, kennt vielleicht Ihr Passwort: Melden Sie sich an, ändern Sie es, und sehen Sie sich die Seite „Sicherheit“ an. Wenn Sie sich nicht anmelden können, fordern Sie auf der Anmeldeseite einen Link für ein neues Passwort an.
notice-done-all = Alle Geräte sind abgemeldet. Melden Sie sich an, wählen Sie ein anderes Passwort, und sehen Sie sich die Seite „Sicherheit“ an. Wenn Sie sich nicht anmelden können, fordern Sie auf der Anmeldeseite einen Link für ein neues Passwort an.
notice-expired = Dieser Link funktioniert nicht mehr
notice-expired-text = Er ist abgelaufen. Melden Sie sich an, um zu sehen, wo Ihr Konto benutzt wird.

## Passkeys

passkeys-heading = Passkeys
passkeys-what = Mit dem Gerät anmelden, ohne Passwort.
passkeys-hint = Einen Passkey bewahrt Ihr Gerät oder Ihr Passwortmanager auf, und benutzt ihn nur nach Ihrem Fingerabdruck, Gesicht oder Ihrer PIN. Er gilt nur auf dieser Website, also kann ihn keine andere erschleichen.
passkeys-none = Sie haben keine Passkeys.
passkeys-need-https = Passkeys brauchen eine sichere Verbindung (https), die diese Website nicht hat. Wenden Sie sich an Ihre Administration.
passkeys-need-host = Passkeys brauchen eine Adresse mit einem Hostnamen. Diese Website ist mit einer IP-Adresse eingerichtet. Wenden Sie sich an Ihre Administration.
passkeys-too-many = Sie haben so viele Passkeys, wie ein Konto haben darf. Entfernen Sie zuerst einen.
passkeys-yours = Ihre Passkeys
passkey-add = Passkey hinzufügen
passkey-add-what = Ihr Browser fragt, wo der Passkey aufbewahrt werden soll: auf diesem Gerät, in einem Passwortmanager, auf Ihrem Telefon oder auf einem Sicherheitsschlüssel.
passkey-add-now = Passkey erstellen
passkey-name = Name
passkey-name-hint = Ohne Angabe heißt der Passkey nach dem, was ihn aufbewahrt.
passkey-rename = Umbenennen
passkey-rename-label = Neuer Name von „{ $name }“
passkey-remove = Entfernen
security-app-remove-too-soon = Die App wurde nicht entfernt: Das, womit Sie sich angemeldet haben, ist neuer als sie und keinen Tag alt. Melden Sie sich mit einem älteren Passkey oder Passwort an, warten Sie einen Tag, oder setzen Sie über einen Link aus einer E-Mail ein neues Passwort.
passkey-remove-too-soon = Das, womit Sie sich angemeldet haben, ist neuer als dieser Passkey und keinen Tag alt, kann ihn also nicht entfernen. Melden Sie sich mit einem älteren Passkey oder Passwort an, warten Sie einen Tag, oder setzen Sie über einen Link aus einer E-Mail ein neues Passwort.
passkey-synced = Zwischen Geräten synchronisiert
passkey-on-one-device = Auf einem Gerät
passkey-of-provider = { $provider } · { $state }
passkey-added-on = Hinzugefügt { $when } auf { $device }
passkey-added = Hinzugefügt { $when }
passkey-used = Zuletzt benutzt { $when }
passkey-unused = Noch nicht benutzt
passkey-of-other-host = Dieser Passkey wurde für { $host } erstellt und gilt hier nicht. Entfernen Sie ihn, und fügen Sie einen neuen hinzu.
passkey-copied = Abgelehnt { $when }: Ein anderes Gerät hat anscheinend eine Kopie dieses Passkeys. Wenn Sie nicht wissen, warum, entfernen Sie ihn, und fügen Sie einen neuen hinzu.
passkey-was-added = Ihr Passkey wurde hinzugefügt.
passkey-was-renamed = Der Passkey wurde umbenannt.
passkey-was-removed = Der Passkey wurde entfernt. Löschen Sie ihn auch in Ihrem Passwortmanager oder Gerät.
passkey-sign-in = Mit Passkey anmelden
passkey-prove = Passkey verwenden
passkey-second-lead = Ihr Passwort stimmt. Benutzen Sie jetzt Ihren Passkey.
security-passkeys-manage = Passkeys verwalten
security-passkeys-count = { $count ->
    [0] Sie haben keine Passkeys. Mit einem melden Sie sich ohne Passwort an.
    [one] Sie haben { $count } Passkey.
   *[other] Sie haben { $count } Passkeys.
}
passkey-rejected = Dieser Passkey wurde nicht akzeptiert. Versuchen Sie es noch einmal, oder melden Sie sich anders an.
passkey-expired = Das hat zu lange gedauert, oder der Passkey wurde schon benutzt. Versuchen Sie es noch einmal.
passkey-not-added = Der Passkey wurde nicht akzeptiert. Versuchen Sie es noch einmal, oder bewahren Sie ihn woanders auf.
passkey-exists = Dieses Gerät oder dieser Passwortmanager hat schon einen Passkey Ihres Kontos.
passkey-cancelled = Es wurde kein Passkey benutzt. Versuchen Sie es noch einmal, oder gehen Sie anders vor.
passkey-unsupported = Dieser Browser kann keine Passkeys verwenden. Aktualisieren Sie ihn, oder nehmen Sie einen anderen.
passkey-needs-script = Passkeys brauchen JavaScript, das in diesem Browser aus ist.
way-in-passkey = Passkey
event-signed-in-passkey = Mit Passkey angemeldet
event-passkey-added = Passkey „{ $name }“ hinzugefügt
event-passkey-used = Passkey „{ $name }“ zur Anmeldung verwendet
event-passkey-renamed = Passkey umbenannt in „{ $name }“
event-passkey-removed = Passkey „{ $name }“ entfernt
event-sign-in-failed-passkey = Anmeldung fehlgeschlagen: falscher Passkey
event-sign-in-failed-passkey-used = Anmeldung fehlgeschlagen: der Passkey hatte schon geantwortet
event-sign-in-failed-passkey-copied = Anmeldung abgelehnt: ein anderes Gerät hat vielleicht eine Kopie des Passkeys
