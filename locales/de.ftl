### Die Texte der Seiten auf Deutsch. In en.ftl steht, welche es gibt und was sie bekommen.

## Der Rahmen jeder Seite

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

## Wie Geräte heißen

browser-on-system = { $browser } auf { $system }
in-app-browser = Browser in einer App
system-computer = { $system }-Computer
system-phone = { $system }-Telefon
system-tablet = { $system }-Tablet
system-television = { $system }-Fernseher
system-console = { $system }-Spielkonsole
system-car = { $system }-Auto
system-headset = { $system }-Headset
system-watch = { $system }-Uhr
system-e-reader = { $system }-E-Reader
system-program = { $system }-Programm
system-bot = { $system }-Bot
system-device = { $system }-Gerät
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
end-account-disabled = Konto gesperrt
end-other = Beendet
way-in-password = Passwort
way-in-one-time-password = Einmalpasswort
way-in-application = Die Anwendung selbst
way-in-peer = Eine andere Anwendung
way-in-unknown = Nicht aufgezeichnet

## Ihre Geräte

your-devices = Ihre Geräte
account-pages = Konto
tab-active = Angemeldet
tab-history = Verlauf
tab-activity = Aktivität
breached-password-warning = Ihr Passwort steht in einer Liste gestohlener Passwörter, die Angreifer zuerst probieren. <password>Wählen Sie ein anderes Passwort</password>, hier und überall, wo Sie es sonst verwenden.
active-sessions = { $count ->
    [one] { $count } aktive Sitzung
   *[other] { $count } aktive Sitzungen
}
active-sessions-or-more = Mindestens { $count } aktive Sitzungen
change-password = Passwort ändern
devices-hint = Diese Geräte sind in Ihrem Konto angemeldet. Wenn Sie eines nicht kennen, melden Sie es ab: Das wirkt sofort.
this-device = Dieses Gerät
other-devices = Andere Geräte
no-more-devices = Keine weiteren Geräte sind angemeldet.
no-other-devices = Keine anderen Geräte sind angemeldet.
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
fact-address = Adresse
fact-last-active = Zuletzt aktiv
fact-ended = Beendet
fact-expires = Läuft ab
exactly-if-unused = { $when }, wenn nicht genutzt
fact-remembered = Angemeldet bleiben
fact-session-id = Sitzungs-ID
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
sign-out-everywhere-hint = Um sich auch hier abzumelden, auf allen Geräten zugleich:
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
change-unmade = Als Sie das letzte Formular abgeschickt haben, waren Sie nicht mehr angemeldet. Es wurde nichts geändert. Jetzt sind Sie wieder angemeldet: Schicken Sie es noch einmal ab, wenn Sie das weiterhin möchten.

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
name-too-long = Der Name wurde nicht geändert. Er darf höchstens 64 Zeichen lang sein.
name-hidden-character = Der Name wurde nicht geändert. Entfernen Sie das Zeichen { $code }, das unsichtbar ist oder die Schreibrichtung ändert.
not-me-link-hint = Hat sich hier jemand anderes angemeldet?

## Eine Sitzung, die jemand anderes begonnen hat

not-me-question = Hat sich jemand anderes auf { $device } angemeldet?
not-me-lead = Wenn Sie es nicht waren, drücken Sie unten auf den Knopf. Dann geschieht Folgendes:
not-me-ends = Die Sitzung wird sofort abgemeldet.
not-me-has-ended = Die Sitzung ist schon beendet; sie wird als fremd vermerkt.
not-me-forgets = Ihr Browser gilt in Ihrem Konto nicht mehr als bekannt.
not-me-shows = Sie sehen, was darin geschah und welche Sitzungen seither mit demselben Passwort begannen.
not-me-password = Sie wählen ein neues Passwort, das alles andere abmeldet.
not-me-confirm = Das war ich nicht
not-me-cancel = Das war ich
not-me-current = Das ist die Sitzung, die Sie gerade nutzen. Wenn jemand anderes Ihr Konto nutzt, wählen Sie ein neues Passwort: Es meldet alle anderen Geräte ab.
not-me-done = Das waren nicht Sie
not-me-done-lead = Sie haben { $device } { $when } gemeldet. Die Sitzung ist abgemeldet, und ihr Browser gilt in Ihrem Konto nicht mehr als bekannt.
not-me-next = Neues Passwort wählen
not-me-next-hint = Wer sich angemeldet hat, kennt Ihr Passwort. Ein neues meldet alle Ihre anderen Geräte ab.
not-me-since = Seither mit demselben Passwort angemeldet
not-me-since-none = Seither begann keine andere Sitzung mit demselben Passwort.
not-me-since-more = Es gibt weitere. Alle stehen in den Listen der aktiven und der beendeten Sitzungen.
not-me-events = Was in der Sitzung geschah
password-after-report = Jemand anderes kennt Ihr Passwort. Wählen Sie ein neues: Es meldet alle Ihre anderen Geräte ab, wenn Sie sie nicht angemeldet lassen.

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
event-signed-in-password = Mit dem Passwort angemeldet
event-signed-in-one-time-password = Mit einem Einmalpasswort angemeldet
event-sign-in-failed = Anmeldung fehlgeschlagen
event-sign-in-failed-wrong-password = Anmeldung fehlgeschlagen: falsches Passwort
event-sign-in-failed-disabled = Anmeldung fehlgeschlagen: Das Konto ist gesperrt
event-sign-in-failed-no-password = Anmeldung fehlgeschlagen: Das Konto hat kein Passwort
event-sign-in-failed-used-up = Anmeldung fehlgeschlagen: Das Einmalpasswort war schon verbraucht
event-sign-ins-refused = { $count ->
    [one] { $count } Anmeldung nach zu vielen Versuchen abgelehnt
   *[other] { $count } Anmeldungen nach zu vielen Versuchen abgelehnt
}
event-unknown-sign-ins-failed = Anmeldungen mit unbekannten Adressen fehlgeschlagen
event-account-locked = Für unbekannte Browser gesperrt
event-account-unlocked = Für unbekannte Browser entsperrt
event-session-adopted = Über eine andere Anwendung angemeldet
event-session-rotated = Kennung der Sitzung erneuert
event-session-renamed = „{ $name }“ genannt
event-session-name-removed = Name entfernt
event-session-reported = Gemeldet: Das waren nicht Sie
event-session-ended = Sitzung beendet
event-session-replaced-by-peer = Durch einen Eintrag der anderen Anwendung ersetzt
event-browser-remembered = Browser gemerkt
event-account-created = Konto angelegt
event-account-deleted = Konto gelöscht
event-account-disabled = Konto gesperrt
event-account-enabled = Konto entsperrt
event-role-changed = Rolle geändert
event-role-changed-from-to = Rolle von { $from } in { $to } geändert
event-password-changed = Passwort geändert
event-one-time-password-set = Einmalpasswort vergeben
event-proof-requested = Bestätigung Ihrer Identität verlangt
event-proof-given = Identität bestätigt
event-proof-failed = Bestätigung der Identität fehlgeschlagen
event-forms-refused = { $count ->
    [1] Formular abgelehnt
    [one] { $count } Formular abgelehnt
   *[other] { $count } Formulare abgelehnt
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

ended-here = Dieses Gerät wurde { $when } abgemeldet. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-continued = Dieses Gerät wurde { $when } abgemeldet, weil seine Sitzung mit einer neueren Anmeldung weitergeht, in einem anderen Fenster oder auf einem anderen Gerät. Was danach hier getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren. Wenn diese Anmeldung nicht von Ihnen war, wählen Sie danach ein neues Passwort.
ended-here-revoked = Dieses Gerät wurde { $when } von einem anderen Ihrer Geräte abgemeldet. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-revoked-by-admin = Dieses Gerät wurde { $when } von der Administration abgemeldet. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-password-changed = Dieses Gerät wurde { $when } abgemeldet, weil das Passwort geändert wurde. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-idle-timeout = Dieses Gerät wurde { $when } abgemeldet, weil es zu lange nicht genutzt wurde. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-absolute-timeout = Dieses Gerät wurde { $when } abgemeldet, weil sein Zeitlimit erreicht war. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-replaced = Dieses Gerät wurde { $when } abgemeldet, weil neuere Anmeldungen seinen Platz eingenommen haben. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.
ended-here-account-disabled = Dieses Gerät wurde { $when } abgemeldet, weil das Konto gesperrt wurde. Was danach darauf getan wurde, blieb ohne Wirkung. Melden Sie sich an, um fortzufahren.

## Während alle anderen Geräte abgemeldet werden

devices-left = { $count ->
    [one] Noch { $count } Gerät
   *[other] Noch { $count } Geräte
}
devices-or-more-left = Noch mindestens { $count } Geräte
