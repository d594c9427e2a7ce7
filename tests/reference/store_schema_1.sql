BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'mlops_nb','001_runs_and_cells','2026-11-24 08:54:21.568497+00:00');
CREATE TABLE artifacts (
    run_id INTEGER NOT NULL REFERENCES runs, path TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL,
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
CREATE TABLE environments (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, content TEXT NOT NULL);
INSERT INTO "environments" VALUES(1,X'A67EC2A90977D2FC02C976434BC3CF477FF9EBE8BD77CCAD5EBB2F1A5C7CA530','{"python": "3.11.7", "platform": "Linux", "packages": {"numpy": "2.1.0"}}');
CREATE TABLE executions (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES sessions, notebook TEXT NOT NULL,
    cell_id TEXT NOT NULL, execution_count INTEGER, source_id INTEGER NOT NULL REFERENCES sources,
    started REAL NOT NULL, duration REAL NOT NULL, status TEXT NOT NULL, reads TEXT NOT NULL, writes TEXT NOT NULL
);
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, shape TEXT NOT NULL, types TEXT NOT NULL,
    fingerprint TEXT NOT NULL, exact INTEGER NOT NULL, UNIQUE (fingerprint, kind, shape, types)
);
CREATE TABLE metric_points (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    step INTEGER, value REAL, time REAL NOT NULL
);
INSERT INTO "metric_points" VALUES(1,1,'accuracy',NULL,0.9,1.79551046157247138016e+09);
INSERT INTO "metric_points" VALUES(2,1,'loss',0,1.0,1.79551046157261180876e+09);
INSERT INTO "metric_points" VALUES(3,1,'loss',1,0.5,1.7955104615726692677e+09);
INSERT INTO "metric_points" VALUES(4,1,'loss',2,3.33333333333333314829e-01,1.79551046157272481918e+09);
CREATE TABLE metrics (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value REAL, step INTEGER, count INTEGER NOT NULL,
    numbers INTEGER NOT NULL, total REAL, minimum REAL, maximum REAL, inferred INTEGER NOT NULL,
    first_point INTEGER NOT NULL, last_point INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "metrics" VALUES(1,'accuracy',0.9,NULL,1,1,0.9,0.9,0.9,0,1,1);
INSERT INTO "metrics" VALUES(1,'loss',3.33333333333333314829e-01,2,3,3,1.83333333333333325931e+00,3.33333333333333314829e-01,1.0,0,2,4);
CREATE TABLE outputs (
    run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    data TEXT NOT NULL, cut_bytes INTEGER NOT NULL, PRIMARY KEY (run_id, position)
);
CREATE TABLE params (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, type TEXT NOT NULL, value BLOB,
    inferred INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "params" VALUES(1,'depth','int',3,0);
INSERT INTO "params" VALUES(1,'model.lr','float',0.1,0);
CREATE TABLE run_data (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    fingerprint_id INTEGER NOT NULL REFERENCES fingerprints, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL, started REAL NOT NULL, duration REAL, parent_id INTEGER REFERENCES runs,
    session_id INTEGER NOT NULL REFERENCES sessions, execution_id INTEGER REFERENCES executions,
    notebook TEXT NOT NULL, cell_id TEXT NOT NULL, execution_count INTEGER,
    source_id INTEGER NOT NULL REFERENCES sources, environment_id INTEGER REFERENCES environments,
    git_commit TEXT, git_branch TEXT, git_dirty INTEGER,
    error_type TEXT, error_message TEXT, error_traceback TEXT, notes TEXT NOT NULL DEFAULT '[]'
);
INSERT INTO "runs" VALUES(1,'7317985140e948bb84081de6b1058c4e','forest','code','FINISHED',1.79551046124993538858e+09,3.8588620000155060552e-03,NULL,1,NULL,'','',NULL,1,1,NULL,NULL,NULL,NULL,NULL,NULL,'["something was cut"]');
INSERT INTO "runs" VALUES(2,'7d87ec978988402eb7c57c16166b246d','broken','code','FAILED',1.79551046157692766186e+09,2.08861000032811716664e-04,NULL,1,NULL,'','',NULL,2,1,NULL,NULL,NULL,'ZeroDivisionError','division by zero','Traceback (most recent call last):
  File "cell", line 7, in <module>
ZeroDivisionError: division by zero
','[]');
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, started REAL NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL
);
INSERT INTO "sessions" VALUES(1,'c576e2e72c4c4ad6a3b93cc1c857e585',1.7955104615717263222e+09,9353,'host');
CREATE TABLE sources (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
INSERT INTO "sources" VALUES(1,X'DF81F6306F6B71F69F8B16C068F850C04B56F52E68DC6D49F254827366916802','accuracy = 0.9');
INSERT INTO "sources" VALUES(2,X'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855','');
CREATE TABLE store_info (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
INSERT INTO "store_info" VALUES('needs_release','0.1.0');
CREATE TABLE tags (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "tags" VALUES(1,'kind','baseline');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX executions_by_notebook ON executions (notebook, id);
CREATE INDEX runs_by_name ON runs (name, id);
CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (session_id) WHERE status = 'RUNNING';
CREATE INDEX metrics_by_value ON metrics (name, value);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
COMMIT;
