BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0004');
CREATE TABLE api_key (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	digest BLOB NOT NULL, 
	scopes JSON NOT NULL, 
	series JSON, 
	created_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	CONSTRAINT pk_api_key PRIMARY KEY (id), 
	CONSTRAINT uq_api_key_digest UNIQUE (digest)
);
CREATE TABLE batch (
	id INTEGER NOT NULL, 
	"key" VARCHAR(255) NOT NULL, 
	fingerprint VARCHAR(64) NOT NULL, 
	token VARCHAR(32) NOT NULL, 
	ranges JSON, 
	issued_at DATETIME, 
	expires_at DATETIME NOT NULL, 
	CONSTRAINT pk_batch PRIMARY KEY (id), 
	CONSTRAINT uq_batch_key UNIQUE ("key")
);
CREATE TABLE block (
	id INTEGER NOT NULL, 
	series_id INTEGER NOT NULL, 
	start BIGINT NOT NULL, 
	"end" BIGINT NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	instance VARCHAR(255) NOT NULL, 
	leased_at DATETIME NOT NULL, 
	released_at DATETIME, 
	CONSTRAINT pk_block PRIMARY KEY (id), 
	CONSTRAINT ck_block_start_before_end CHECK (start < "end"), 
	CONSTRAINT ck_block_state_known CHECK (state IN ('leased', 'spent', 'returned', 'skipped')), 
	CONSTRAINT fk_block_series_id_series FOREIGN KEY(series_id) REFERENCES series (id), 
	CONSTRAINT uq_block_series_id_start UNIQUE (series_id, start)
);
INSERT INTO "block" VALUES(1,1,0,60,'spent','host:30172:102d4794','2026-11-27 15:31:49.257000','2026-11-27 15:31:49.815000');
INSERT INTO "block" VALUES(2,1,60,120,'spent','host:30424:daaf301f','2026-11-27 15:31:55.804000','2026-11-27 15:31:56.391000');
INSERT INTO "block" VALUES(3,1,120,10000,'returned','host:30424:daaf301f','2026-11-27 15:31:55.804000','2026-11-27 15:31:56.394000');
INSERT INTO "block" VALUES(4,2,10000000000000,10000000000060,'spent','host:30573:246265f5','2026-11-27 15:32:01.953000','2026-11-27 15:32:02.647000');
INSERT INTO "block" VALUES(5,2,10000000000060,10000000000100,'returned','host:30573:246265f5','2026-11-27 15:32:01.953000','2026-11-27 15:32:02.669000');
INSERT INTO "block" VALUES(6,3,0,60,'spent','host:30758:0342e752','2026-11-27 15:32:09.009000','2026-11-27 15:32:09.699000');
INSERT INTO "block" VALUES(7,3,60,1000,'returned','host:30758:0342e752','2026-11-27 15:32:09.009000','2026-11-27 15:32:09.707000');
INSERT INTO "block" VALUES(8,4,0,60,'spent','host:30917:b8f61b18','2026-11-27 15:32:15.426000','2026-11-27 15:32:16.158000');
INSERT INTO "block" VALUES(9,4,60,1000,'returned','host:30917:b8f61b18','2026-11-27 15:32:15.426000','2026-11-27 15:32:16.188000');
CREATE TABLE number_space (
	id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	format VARCHAR(16) NOT NULL, 
	options JSON NOT NULL, 
	"key" BLOB NOT NULL, moved_at DATETIME, 
	CONSTRAINT pk_number_space PRIMARY KEY (id), 
	CONSTRAINT uq_number_space_name UNIQUE (name)
);
INSERT INTO "number_space" VALUES(1,'routed','routed','{}',X'6EB51ED14A7059BF3F5533137A29D37273A2BC8574D998A9D22EA87A59024127',NULL);
INSERT INTO "number_space" VALUES(2,'s10:RA:MY','s10','{"service": "RA", "country": "MY"}',X'26DF4E510A6AE01D6063814E707503DABF8FDB0ADCB7553D2310EBC06ACC5996',NULL);
INSERT INTO "number_space" VALUES(3,'s10:LX:ID','s10','{"service": "LX", "country": "ID"}',X'18E9BAE33DDA55C6E80575765ADCE5E13A2EE97E975E4DC9D0C8ACA79D76F978',NULL);
CREATE TABLE series (
	id INTEGER NOT NULL, 
	name VARCHAR(32) NOT NULL, 
	number_space_id INTEGER NOT NULL, 
	block_size INTEGER NOT NULL, 
	first_serial BIGINT NOT NULL, 
	next_serial BIGINT NOT NULL, 
	end_serial BIGINT NOT NULL, 
	lease_count BIGINT DEFAULT '0' NOT NULL, 
	returned_blocks INTEGER DEFAULT '0' NOT NULL, 
	failover_skip BIGINT NOT NULL, 
	timeline VARCHAR(64), 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_series PRIMARY KEY (id), 
	CONSTRAINT ck_series_serials_in_order CHECK (0 <= first_serial AND first_serial <= next_serial AND next_serial <= end_serial), 
	CONSTRAINT ck_series_block_size_positive CHECK (block_size > 0), 
	CONSTRAINT fk_series_number_space_id_number_space FOREIGN KEY(number_space_id) REFERENCES number_space (id), 
	CONSTRAINT uq_series_name UNIQUE (name), 
	CONSTRAINT uq_series_number_space_id_first_serial UNIQUE (number_space_id, first_serial)
);
INSERT INTO "series" VALUES(1,'default',1,10000,0,10000,10000000000000,2,1,1000000000,NULL,'2026-11-27 15:31:27.129306');
INSERT INTO "series" VALUES(2,'air',1,100,10000000000000,10000000000100,10000001000000,1,1,1000,NULL,'2026-11-27 15:31:30.757000');
INSERT INTO "series" VALUES(3,'my-post',2,1000,0,1000,100000000,1,1,100000,NULL,'2026-11-27 15:31:36.938000');
INSERT INTO "series" VALUES(4,'their-post',3,1000,0,1000,100000000,1,1,100000,NULL,'2026-11-27 15:31:42.875000');
CREATE INDEX ix_block_instance ON block (instance);
CREATE INDEX ix_block_returned ON block (series_id, start) WHERE state = 'returned';
CREATE INDEX ix_batch_expires_at ON batch (expires_at);
CREATE UNIQUE INDEX uq_api_key_name_live ON api_key (name) WHERE revoked_at IS NULL;
COMMIT;
