-- A file of schema 1, as SQL: what an emulator wrote before 1.0.0, while a process that was killed had marked the state.
PRAGMA application_id = 1179206213;
PRAGMA user_version = 1;
CREATE TABLE counts (kind TEXT, list TEXT, count INTEGER, PRIMARY KEY (kind, list)) WITHOUT ROWID;
CREATE TABLE lists (kind TEXT, list TEXT, number INTEGER, PRIMARY KEY (kind, list, number)) WITHOUT ROWID;
CREATE TABLE records (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        lists TEXT NOT NULL,
        due REAL,
        record TEXT NOT NULL,
        apart TEXT,
        UNIQUE (kind, key)
    );
CREATE INDEX records_due ON records (kind, due, key) WHERE due IS NOT NULL;
CREATE TRIGGER record_added AFTER INSERT ON records BEGIN
        INSERT INTO lists SELECT NEW.kind, value, NEW.number FROM json_each(NEW.lists);
    END;
CREATE TRIGGER record_moved AFTER UPDATE OF lists ON records WHEN OLD.lists <> NEW.lists BEGIN
        DELETE FROM lists WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists))
            AND number = OLD.number;
        INSERT INTO lists SELECT NEW.kind, value, NEW.number FROM json_each(NEW.lists);
    END;
CREATE TRIGGER record_deleted AFTER DELETE ON records BEGIN
        DELETE FROM lists WHERE kind = OLD.kind AND list IN (SELECT value FROM json_each(OLD.lists))
            AND number = OLD.number;
    END;
CREATE TRIGGER counted AFTER INSERT ON lists BEGIN
        INSERT INTO counts VALUES (NEW.kind, NEW.list, 1)
            ON CONFLICT (kind, list) DO UPDATE SET count = count + 1;
    END;
CREATE TRIGGER uncounted AFTER DELETE ON lists BEGIN
        UPDATE counts SET count = count - 1 WHERE kind = OLD.kind AND list = OLD.list;
        DELETE FROM counts WHERE kind = OLD.kind AND list = OLD.list AND count = 0;
    END;
CREATE TABLE mark_gone_0 (
    number INTEGER PRIMARY KEY, kind TEXT, key TEXT, lists TEXT, due REAL, record TEXT, apart TEXT
);
CREATE TRIGGER mark_gone_0_added AFTER INSERT ON records WHEN NEW.number NOT IN (SELECT number FROM mark_gone_0) BEGIN
    INSERT INTO mark_gone_0 (number) VALUES (NEW.number);
END;
INSERT INTO "records" VALUES(1,'workflows','"wf-01494dd0ce89",','[""]',NULL,'{"id":"wf-01494dd0ce89","name":"Greet","description":"better","definition":{"nodes":[{"id":"a","type":"llm","instruction":"Greet {{input.name}}"}]},"version":2,"organization_id":"default","status":"active","created_at":"2026-11-29T22:56:07.000Z","updated_at":"2026-11-29T22:57:37.000Z"}',NULL);
INSERT INTO "records" VALUES(2,'versions','"wf-01494dd0ce89","1",','["", "\"wf-01494dd0ce89\","]',NULL,'{"version":1,"workflow_id":"wf-01494dd0ce89","name":"Greet","description":null,"definition":{"nodes":[{"id":"a","type":"llm","instruction":"Greet {{input.name}}"}]},"created_at":"2026-11-29T22:56:07.000Z","rolled_back_from":null}',NULL);
INSERT INTO "records" VALUES(4,'workflows','"wf-04235e274805",','[""]',NULL,'{"id":"wf-04235e274805","name":"Wait","description":null,"definition":{"nodes":[{"id":"w","type":"tool","tool":"wait","params":{"seconds":90}}]},"version":1,"organization_id":"default","status":"active","created_at":"2026-11-29T22:56:07.000Z","updated_at":"2026-11-29T22:56:07.000Z"}',NULL);
INSERT INTO "records" VALUES(5,'versions','"wf-04235e274805","1",','["", "\"wf-04235e274805\","]',NULL,'{"version":1,"workflow_id":"wf-04235e274805","name":"Wait","description":null,"definition":{"nodes":[{"id":"w","type":"tool","tool":"wait","params":{"seconds":90}}]},"created_at":"2026-11-29T22:56:07.000Z","rolled_back_from":null}',NULL);
INSERT INTO "records" VALUES(7,'run_windows','"default",','[""]',NULL,'{"ends":4102996567.0,"used":5}',NULL);
INSERT INTO "records" VALUES(8,'executions','"exec_3091382da4d25260",','["", "\"status\",\"completed\",", "\"workflow_id\",\"wf-01494dd0ce89\",", "\"workflow_id\",\"wf-01494dd0ce89\",\"status\",\"completed\",", "\"ended\",", "\"workflow_id\",\"wf-01494dd0ce89\",\"duration\","]',NULL,'{"id":"exec_3091382da4d25260","workflow_id":"wf-01494dd0ce89","workflow_version":1,"inputs":{"name":"Ann"},"status":"completed","outputs":{"a":"[default model] Greet Ann"},"error":null,"nodes":[{"id":"a","type":"llm","status":"completed","output":"[default model] Greet Ann","error":null,"started":4102992967.0,"ended":4102992967.0,"attempts":1,"stopped":false,"phase":null,"until":null,"call":null}],"created":4102992967.0,"started":4102992967.0,"ended":4102992967.0,"role":"owner"}',NULL);
INSERT INTO "records" VALUES(9,'traces','"exec_3091382da4d25260","a",','[]',NULL,'{"input":{"instruction":"Greet Ann"}}',NULL);
INSERT INTO "records" VALUES(12,'executions','"exec_7318df2dcfe5fced",','["", "\"status\",\"completed\",", "\"workflow_id\",\"wf-01494dd0ce89\",", "\"workflow_id\",\"wf-01494dd0ce89\",\"status\",\"completed\",", "\"ended\",", "\"workflow_id\",\"wf-01494dd0ce89\",\"duration\","]',NULL,'{"id":"exec_7318df2dcfe5fced","workflow_id":"wf-01494dd0ce89","workflow_version":1,"inputs":{"name":"Bob"},"status":"completed","outputs":{"a":"[default model] Greet Bob"},"error":null,"nodes":[{"id":"a","type":"llm","status":"completed","output":"[default model] Greet Bob","error":null,"started":4102992967.0,"ended":4102992967.0,"attempts":1,"stopped":false,"phase":null,"until":null,"call":null}],"created":4102992967.0,"started":4102992967.0,"ended":4102992967.0,"role":"owner"}',NULL);
INSERT INTO "records" VALUES(13,'traces','"exec_7318df2dcfe5fced","a",','[]',NULL,'{"input":{"instruction":"Greet Bob"}}',NULL);
INSERT INTO "records" VALUES(16,'executions','"exec_711bb421881f8c3a",','["", "\"status\",\"completed\",", "\"workflow_id\",\"wf-04235e274805\",", "\"workflow_id\",\"wf-04235e274805\",\"status\",\"completed\",", "\"ended\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"4\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"7\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"8\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"9\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"10\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"11\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"12\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"14\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\",\"16\","]',NULL,'{"id":"exec_711bb421881f8c3a","workflow_id":"wf-04235e274805","workflow_version":1,"inputs":{},"status":"completed","outputs":{"w":{"tool":"wait","params":{"seconds":90}}},"error":null,"nodes":[{"id":"w","type":"tool","status":"completed","output":{"tool":"wait","params":{"seconds":90}},"error":null,"started":4102992967.0,"ended":4102993057.0,"attempts":1,"stopped":false,"phase":null,"until":null,"call":null}],"created":4102992967.0,"started":4102992967.0,"ended":4102993057.0,"role":"owner"}',NULL);
INSERT INTO "records" VALUES(17,'traces','"exec_711bb421881f8c3a","w",','[]',NULL,'{"input":{"params":{"seconds":90}}}',NULL);
INSERT INTO "records" VALUES(21,'clock_state','"now",','[""]',NULL,'{"now":4102993057.0}',NULL);
INSERT INTO "records" VALUES(24,'executions','"exec_0cf6296b194b5294",','["", "\"status\",\"cancelled\",", "\"workflow_id\",\"wf-04235e274805\",", "\"workflow_id\",\"wf-04235e274805\",\"status\",\"cancelled\",", "\"ended\",", "\"workflow_id\",\"wf-04235e274805\",\"duration\","]',NULL,'{"id":"exec_0cf6296b194b5294","workflow_id":"wf-04235e274805","workflow_version":1,"inputs":{},"status":"cancelled","outputs":{},"error":null,"nodes":[{"id":"w","type":"tool","status":"cancelled","output":{"tool":"wait","params":{"seconds":90}},"error":null,"started":4102993057.0,"ended":null,"attempts":1,"stopped":false,"phase":"wait","until":4102993147.0,"call":null}],"created":4102993057.0,"started":4102993057.0,"ended":4102993057.0,"role":"owner"}',NULL);
INSERT INTO "records" VALUES(25,'traces','"exec_0cf6296b194b5294","w",','[]',NULL,'{"input":{"params":{"seconds":90}}}',NULL);
INSERT INTO "records" VALUES(32,'executions','"exec_9824d3ec655bbb03",','["", "\"status\",\"running\",", "\"workflow_id\",\"wf-04235e274805\",", "\"workflow_id\",\"wf-04235e274805\",\"status\",\"running\","]',NULL,'{"id":"exec_9824d3ec655bbb03","workflow_id":"wf-04235e274805","workflow_version":1,"inputs":{},"status":"running","outputs":{},"error":null,"nodes":[{"id":"w","type":"tool","status":"running","output":{"tool":"wait","params":{"seconds":90}},"error":null,"started":4102993057.0,"ended":null,"attempts":1,"stopped":false,"phase":"wait","until":4102993147.0,"call":null}],"created":4102993057.0,"started":4102993057.0,"ended":null,"role":"owner"}',NULL);
INSERT INTO "records" VALUES(33,'traces','"exec_9824d3ec655bbb03","w",','[]',NULL,'{"input":{"params":{"seconds":90}}}',NULL);
INSERT INTO "records" VALUES(34,'timers','"exec_9824d3ec655bbb03",','[""]',4102993147.0,'{"due":4102993147.0}',NULL);
INSERT INTO "records" VALUES(35,'runs','"exec_9824d3ec655bbb03",','[""]',NULL,'{"definition":{"nodes":[{"id":"w","type":"tool","tool":"wait","params":{"seconds":90}}]}}',NULL);
INSERT INTO "records" VALUES(37,'memory','"workflow","","k",','["", "\"workflow\",", "\"workflow\",\"\","]',4102993117.0,'{"key":"k","value":{"a":1},"scope":"workflow","user_id":null,"workflow_id":null,"ttl":60,"created_at":"2026-11-29T22:57:37.000Z","updated_at":"2026-11-29T22:57:37.000Z","expires":4102993117.0}',NULL);
INSERT INTO "records" VALUES(38,'memory','"workflow","","l",','["", "\"workflow\",", "\"workflow\",\"\","]',NULL,'{"key":"l","value":"text","scope":"workflow","user_id":null,"workflow_id":null,"ttl":null,"created_at":"2026-11-29T22:57:37.000Z","updated_at":"2026-11-29T22:57:37.000Z","expires":null}',NULL);
INSERT INTO "records" VALUES(40,'versions','"wf-01494dd0ce89","2",','["", "\"wf-01494dd0ce89\","]',NULL,'{"version":2,"workflow_id":"wf-01494dd0ce89","name":"Greet","description":"better","definition":{"nodes":[{"id":"a","type":"llm","instruction":"Greet {{input.name}}"}]},"created_at":"2026-11-29T22:57:37.000Z","rolled_back_from":null}',NULL);
