DROP TABLE keyrack_instances;
