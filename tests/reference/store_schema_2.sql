BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'mlops_nb','001_runs_and_cells','2026-11-24 12:18:15.309908+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'mlops_nb','002_tracking_in_depth','2026-11-24 12:18:15.314380+00:00');
CREATE TABLE store_info (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
INSERT INTO "store_info" VALUES('needs_release','0.1.0');
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, started REAL NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL
);
INSERT INTO "sessions" VALUES(1,'d1cfdb3bfadd4917840741f85e9c5dc2',1.79552269532662963865e+09,20028,'host');
CREATE TABLE sources (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
INSERT INTO "sources" VALUES(1,X'DF81F6306F6B71F69F8B16C068F850C04B56F52E68DC6D49F254827366916802','accuracy = 0.9');
INSERT INTO "sources" VALUES(2,X'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855','');
CREATE TABLE environments (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, content TEXT NOT NULL);
INSERT INTO "environments" VALUES(1,X'C201193A6EDBB805F8FC651D43FC287F54218406329C055385AAFB5C851993EA','{"python": "3.11.7", "platform": "Linux", "packages": {"numpy": "2.1.0"}}');
CREATE TABLE executions (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES sessions, notebook TEXT NOT NULL,
    cell_id TEXT NOT NULL, execution_count INTEGER, source_id INTEGER NOT NULL REFERENCES sources,
    started REAL NOT NULL, duration REAL NOT NULL, status TEXT NOT NULL, reads TEXT NOT NULL, writes TEXT NOT NULL
, files TEXT NOT NULL DEFAULT '[]');
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, kind TEXT NOT NULL,
    status TEXT NOT NULL, started REAL NOT NULL, duration REAL, parent_id INTEGER REFERENCES runs,
    session_id INTEGER NOT NULL REFERENCES sessions, execution_id INTEGER REFERENCES executions,
    notebook TEXT NOT NULL, cell_id TEXT NOT NULL, execution_count INTEGER,
    source_id INTEGER NOT NULL REFERENCES sources, environment_id INTEGER REFERENCES environments,
    git_commit TEXT, git_branch TEXT, git_dirty INTEGER,
    error_type TEXT, error_message TEXT, error_traceback TEXT, warnings TEXT NOT NULL DEFAULT '[]'
, note TEXT NOT NULL DEFAULT '', deleted REAL, cpu_seconds REAL, peak_memory_bytes INTEGER, seeds TEXT NOT NULL DEFAULT '{}', git_remote TEXT, git_diff_id INTEGER REFERENCES diffs, redacted INTEGER NOT NULL DEFAULT 0);
INSERT INTO "runs" VALUES(1,'f041bdd4ab7342f183ef2399952733bb','forest','code','FINISHED',1.79552269475558495519e+09,4.39107610000064596533e-02,NULL,1,NULL,'','',NULL,1,1,NULL,NULL,NULL,NULL,NULL,NULL,'[]','the first that is good',NULL,1.47751769999999726934e-02,716800,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(2,'aeb0dbf8cd27499b887bed8d8a959b01','broken','code','FAILED',1.79552269542773580549e+09,3.18393000270589254796e-04,NULL,1,NULL,'','',NULL,2,1,NULL,NULL,NULL,'ZeroDivisionError','division by zero','Traceback (most recent call last):
  File "make.py", line 8, in <module>
    with mlops_nb.run("broken"): 1/0
                                 ~^~
ZeroDivisionError: division by zero
','[]','',NULL,3.3228299999998878178e-04,0,'{}',NULL,NULL,0);
CREATE TABLE params (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, type TEXT NOT NULL, value BLOB,
    inferred INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "params" VALUES(1,'depth','int',3,0);
INSERT INTO "params" VALUES(1,'model.lr','float',0.1,0);
CREATE TABLE metrics (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value REAL, step INTEGER, count INTEGER NOT NULL,
    numbers INTEGER NOT NULL, total REAL, minimum REAL, maximum REAL, inferred INTEGER NOT NULL,
    first_point INTEGER NOT NULL, last_point INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "metrics" VALUES(1,'accuracy',0.9,NULL,1,1,0.9,0.9,0.9,0,4,4);
INSERT INTO "metrics" VALUES(1,'loss',0.25,2,3,3,1.75,0.25,1.0,0,1,3);
CREATE TABLE metric_points (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    step INTEGER, value REAL, time REAL NOT NULL
);
INSERT INTO "metric_points" VALUES(1,1,'loss',0,1.0,1795522695.33598);
INSERT INTO "metric_points" VALUES(2,1,'loss',1,0.5,1.79552269533612680429e+09);
INSERT INTO "metric_points" VALUES(3,1,'loss',2,0.25,1.7955226953361928463e+09);
INSERT INTO "metric_points" VALUES(4,1,'accuracy',NULL,0.9,1.7955226953362503052e+09);
CREATE TABLE tags (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "tags" VALUES(1,'kind','baseline');
CREATE TABLE outputs (
    run_id INTEGER NOT NULL REFERENCES runs, position INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    data TEXT NOT NULL, cut_bytes INTEGER NOT NULL, PRIMARY KEY (run_id, position)
);
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, shape TEXT NOT NULL, types TEXT NOT NULL,
    fingerprint TEXT NOT NULL, exact INTEGER NOT NULL, columns TEXT NOT NULL DEFAULT '{}', UNIQUE (fingerprint, kind, shape, types)
);
CREATE TABLE run_data (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    fingerprint_id INTEGER NOT NULL REFERENCES fingerprints, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE artifacts (
    run_id INTEGER NOT NULL REFERENCES runs, path TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, kind TEXT NOT NULL DEFAULT 'file', details TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
INSERT INTO "artifacts" VALUES(1,'report.txt','8139b33952401b3ee0e2ca84651cb9a1d7f66d442bf908f9cf1f53ea746e5801',3,'text','{"format": "UTF-8"}');
CREATE TABLE diffs (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE estimators (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, class TEXT NOT NULL, signature TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE remote_runs (
    server TEXT NOT NULL, remote_id TEXT NOT NULL, run_id INTEGER NOT NULL REFERENCES runs, state TEXT NOT NULL,
    PRIMARY KEY (server, remote_id)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE runs_text USING fts5(name, note, content='runs', content_rowid='id');
CREATE VIRTUAL TABLE sources_text USING fts5(text, content='sources', content_rowid='id');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX executions_by_notebook ON executions (notebook, id);
CREATE INDEX runs_by_name ON runs (name, id);
CREATE INDEX runs_by_parent ON runs (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_unfinished ON runs (session_id) WHERE status = 'RUNNING';
CREATE INDEX metrics_by_value ON metrics (name, value);
CREATE INDEX remote_runs_by_run ON remote_runs (run_id);
CREATE INDEX executions_by_session ON executions (session_id, id);
CREATE INDEX runs_deleted ON runs (deleted) WHERE deleted IS NOT NULL;
COMMIT;
