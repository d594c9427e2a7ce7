BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'mlops_nb','001_runs_and_cells','2026-11-24 12:18:15.309908+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'mlops_nb','002_tracking_in_depth','2026-11-24 12:18:15.314380+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'mlops_nb','003_step_cache','2026-11-24 16:03:13.049343+00:00');
CREATE TABLE artifacts (
    run_id INTEGER NOT NULL REFERENCES runs, path TEXT NOT NULL, sha256 TEXT NOT NULL, size_bytes INTEGER NOT NULL, kind TEXT NOT NULL DEFAULT 'file', details TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (run_id, path)
) WITHOUT ROWID;
INSERT INTO "artifacts" VALUES(1,'report.txt','8139b33952401b3ee0e2ca84651cb9a1d7f66d442bf908f9cf1f53ea746e5801',3,'text','{"format": "UTF-8"}');
CREATE TABLE diffs (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE environments (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, content TEXT NOT NULL);
INSERT INTO "environments" VALUES(1,X'C201193A6EDBB805F8FC651D43FC287F54218406329C055385AAFB5C851993EA','{"python": "3.11.7", "platform": "Linux", "packages": {"numpy": "2.1.0"}}');
CREATE TABLE estimators (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, class TEXT NOT NULL, signature TEXT NOT NULL,
    PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
CREATE TABLE executions (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES sessions, notebook TEXT NOT NULL,
    cell_id TEXT NOT NULL, execution_count INTEGER, source_id INTEGER NOT NULL REFERENCES sources,
    started REAL NOT NULL, duration REAL NOT NULL, status TEXT NOT NULL, reads TEXT NOT NULL, writes TEXT NOT NULL
, files TEXT NOT NULL DEFAULT '[]');
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, shape TEXT NOT NULL, types TEXT NOT NULL,
    fingerprint TEXT NOT NULL, exact INTEGER NOT NULL, columns TEXT NOT NULL DEFAULT '{}', UNIQUE (fingerprint, kind, shape, types)
);
CREATE TABLE metric_points (
    id INTEGER PRIMARY KEY, run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL,
    step INTEGER, value REAL, time REAL NOT NULL
);
INSERT INTO "metric_points" VALUES(1,1,'loss',0,1.0,1795522695.33598);
INSERT INTO "metric_points" VALUES(2,1,'loss',1,0.5,1.79552269533612680429e+09);
INSERT INTO "metric_points" VALUES(3,1,'loss',2,0.25,1.7955226953361928463e+09);
INSERT INTO "metric_points" VALUES(4,1,'accuracy',NULL,0.9,1.7955226953362503052e+09);
INSERT INTO "metric_points" VALUES(5,5,'mean',NULL,1.0,1.79553619318035531044e+09);
INSERT INTO "metric_points" VALUES(6,3,'mean',NULL,1.0,1.79553619321605443951e+09);
INSERT INTO "metric_points" VALUES(7,8,'mean',NULL,1.0,1.79553619358505105975e+09);
INSERT INTO "metric_points" VALUES(8,6,'mean',NULL,1.0,1.79553619358635663987e+09);
CREATE TABLE metrics (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value REAL, step INTEGER, count INTEGER NOT NULL,
    numbers INTEGER NOT NULL, total REAL, minimum REAL, maximum REAL, inferred INTEGER NOT NULL,
    first_point INTEGER NOT NULL, last_point INTEGER NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "metrics" VALUES(1,'accuracy',0.9,NULL,1,1,0.9,0.9,0.9,0,4,4);
INSERT INTO "metrics" VALUES(1,'loss',0.25,2,3,3,1.75,0.25,1.0,0,1,3);
INSERT INTO "metrics" VALUES(3,'mean',1.0,NULL,1,1,1.0,1.0,1.0,0,6,6);
INSERT INTO "metrics" VALUES(5,'mean',1.0,NULL,1,1,1.0,1.0,1.0,0,5,5);
INSERT INTO "metrics" VALUES(6,'mean',1.0,NULL,1,1,1.0,1.0,1.0,0,8,8);
INSERT INTO "metrics" VALUES(8,'mean',1.0,NULL,1,1,1.0,1.0,1.0,0,7,7);
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
INSERT INTO "params" VALUES(3,'n','int',3,0);
INSERT INTO "params" VALUES(4,'n','int',3,0);
INSERT INTO "params" VALUES(6,'n','int',3,0);
INSERT INTO "params" VALUES(7,'n','int',3,0);
CREATE TABLE remote_runs (
    server TEXT NOT NULL, remote_id TEXT NOT NULL, run_id INTEGER NOT NULL REFERENCES runs, state TEXT NOT NULL,
    PRIMARY KEY (server, remote_id)
) WITHOUT ROWID;
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
    error_type TEXT, error_message TEXT, error_traceback TEXT, warnings TEXT NOT NULL DEFAULT '[]'
, note TEXT NOT NULL DEFAULT '', deleted REAL, cpu_seconds REAL, peak_memory_bytes INTEGER, seeds TEXT NOT NULL DEFAULT '{}', git_remote TEXT, git_diff_id INTEGER REFERENCES diffs, redacted INTEGER NOT NULL DEFAULT 0);
INSERT INTO "runs" VALUES(1,'f041bdd4ab7342f183ef2399952733bb','forest','code','FINISHED',1.79552269475558495519e+09,4.39107610000064596533e-02,NULL,1,NULL,'','',NULL,1,1,NULL,NULL,NULL,NULL,NULL,NULL,'[]','the first that is good',NULL,1.47751769999999726934e-02,716800,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(2,'aeb0dbf8cd27499b887bed8d8a959b01','broken','code','FAILED',1.79552269542773580549e+09,3.18393000270589254796e-04,NULL,1,NULL,'','',NULL,2,1,NULL,NULL,NULL,'ZeroDivisionError','division by zero','Traceback (most recent call last):
  File "make.py", line 8, in <module>
    with mlops_nb.run("broken"): 1/0
                                 ~^~
ZeroDivisionError: division by zero
','[]','',NULL,3.3228299999998878178e-04,0,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(3,'2fcad926355743608959c39bc9dfded0','numbers','pipeline','FINISHED',1.79553619274139118194e+09,1.44878028000675840303e-01,NULL,2,NULL,'','',NULL,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]','',NULL,3.04552120000000092758e-02,1572864,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(4,'552bf86f8c4e4adeb27175e9e7e3fce2','load','step','FINISHED',1.79553619311750912663e+09,1.12059840030269697308e-02,3,2,NULL,'','',NULL,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]','',NULL,7.25191200000008251436e-03,888832,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(5,'395efe1aecf54927b2d037cea9d26764','measure','step','FINISHED',1.79553619316970276831e+09,2.88197999907424673438e-04,3,2,NULL,'','',NULL,5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]','',NULL,3.04733000000001474916e-04,0,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(6,'e3fbee7296c142c4aa61e7d8c7aa9dd3','numbers','pipeline','FINISHED',1.79553619351893043514e+09,4.37263670028187334537e-02,NULL,3,NULL,'','',NULL,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]','',NULL,9.55217399999999661197e-03,307200,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(7,'3816f7d4565a48259810fda96ca33796','load','step','FINISHED',1.79553619357203936572e+09,0.0,6,3,NULL,'','',NULL,4,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]','',NULL,NULL,NULL,'{}',NULL,NULL,0);
INSERT INTO "runs" VALUES(8,'12301f5627044a2ba339fcf6ecfb293e','measure','step','FINISHED',1.79553619358503675461e+09,0.0,6,3,NULL,'','',NULL,5,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'[]','',NULL,NULL,NULL,'{}',NULL,NULL,0);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, started REAL NOT NULL, pid INTEGER NOT NULL, host TEXT NOT NULL
);
INSERT INTO "sessions" VALUES(1,'d1cfdb3bfadd4917840741f85e9c5dc2',1.79552269532662963865e+09,20028,'host');
INSERT INTO "sessions" VALUES(2,'e2174074d68a4b37b8211ac35336cc36',1.7955361930511651039e+09,10855,'host');
INSERT INTO "sessions" VALUES(3,'5df4498c2ff54bbf893b3e7abed9c7b0',1.79553619352655982966e+09,10862,'host');
CREATE TABLE sources (id INTEGER PRIMARY KEY, sha256 BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
INSERT INTO "sources" VALUES(1,X'DF81F6306F6B71F69F8B16C068F850C04B56F52E68DC6D49F254827366916802','accuracy = 0.9');
INSERT INTO "sources" VALUES(2,X'E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855','');
INSERT INTO "sources" VALUES(3,X'4E55D28175A000D01C847EE737CC35648677680193A8F7628581DB3C5A3F5564','@pipeline("numbers")
def numbers(n: int = 3):
    data = load(n)
    mean = measure(data)
    return mean
');
INSERT INTO "sources" VALUES(4,X'28E3338CC0C665A69535B68BC55A061C207796412FBCCCBC1FB1B397959B5ABD','@step
def load(n: int):
    data = list(range(n))
    return data
');
INSERT INTO "sources" VALUES(5,X'1EBC20B3B165C9EFB55C8F38A08A1D208DEBEF66C727468D4772B5AB1B3F8EBA','@step(metrics=("mean",))
def measure(data):
    mean = sum(data) / len(data)
    return mean
');
CREATE TABLE step_blobs (
    entry_id INTEGER NOT NULL REFERENCES step_cache ON DELETE CASCADE, sha256 TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, PRIMARY KEY (entry_id, sha256)
) WITHOUT ROWID;
CREATE TABLE step_cache (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, pipeline TEXT NOT NULL, step TEXT NOT NULL, made REAL NOT NULL,
    used REAL NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL
);
INSERT INTO "step_cache" VALUES(1,'3938f4a5fdef25323670','numbers','load',1.79553619316415476797e+09,1.79553619361566638946e+09,'{"key": "3938f4a5fdef25323670", "step": "load", "parts": {"python": "3.11", "code": "4d45b125ef69b5e5b038", "argument n": "plain-5fcddc9c0829c4457324dc1e7e9474f0"}, "outputs": [{"hash": "plain-aecebd67073cd0966fd69be694467e87", "form": "plain", "sha256": "", "size_bytes": 0, "details": {"value": {"list": [0, 1, 2]}}}], "is_tuple": false, "made": 1795536193.1635895, "duration": 0.011465268999018008, "shown": {"n": "3"}, "metrics": {}, "params": {"n": 3}, "shows": [], "files": [], "written": [], "draws": {}, "changes": [], "run": 4}',X'79CE2FB085EC25396131C4A7BE9E44DAA5A8C7A838470BCD70443FB06100BCFD');
INSERT INTO "step_cache" VALUES(2,'70779fff2d02e76528c1','numbers','measure',1.79553619319988012319e+09,1.7955361936156666279e+09,'{"key": "70779fff2d02e76528c1", "step": "measure", "parts": {"python": "3.11", "code": "d67bf840b266ad516089", "argument data": "plain-aecebd67073cd0966fd69be694467e87"}, "outputs": [{"hash": "plain-2630a41b503a9f4bed84d7031aa12bce", "form": "plain", "sha256": "", "size_bytes": 0, "details": {"value": 1.0}}], "is_tuple": false, "made": 1795536193.1996047, "duration": 0.0005691149999620393, "shown": {}, "metrics": {"mean": 1.0}, "params": {}, "shows": [], "files": [], "written": [], "draws": {}, "changes": [], "run": 5}',X'F9204C1AAB37EB6F3C7D13A00CB11C9E4B2F664871514593FCFA1CA425ADDED1');
CREATE TABLE store_info (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
INSERT INTO "store_info" VALUES('needs_release','0.1.0');
CREATE TABLE tags (
    run_id INTEGER NOT NULL REFERENCES runs, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run_id, name)
) WITHOUT ROWID;
INSERT INTO "tags" VALUES(1,'kind','baseline');
INSERT INTO "tags" VALUES(7,'cached_from','4');
INSERT INTO "tags" VALUES(8,'cached_from','5');
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
CREATE INDEX step_cache_by_key ON step_cache (key);
CREATE INDEX step_cache_by_step ON step_cache (pipeline, step, id);
CREATE INDEX step_blobs_by_content ON step_blobs (sha256);
CREATE VIRTUAL TABLE runs_text USING fts5(name, note, content='runs', content_rowid='id');
CREATE VIRTUAL TABLE sources_text USING fts5(text, content='sources', content_rowid='id');
COMMIT;
