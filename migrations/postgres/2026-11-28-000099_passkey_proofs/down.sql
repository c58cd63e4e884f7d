DROP TABLE passkey_proofs;
