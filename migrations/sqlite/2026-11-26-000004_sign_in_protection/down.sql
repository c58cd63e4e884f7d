DROP TRIGGER keyrack_forget_known_browser;
DROP TABLE known_browsers;
DROP TABLE sign_in_failures;
