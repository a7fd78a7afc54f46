-- Which question a prompt is: the notice that asked it, and the state that agreeing leads to.
ALTER TABLE prompts ADD COLUMN notice_id TEXT NOT NULL DEFAULT '';
ALTER TABLE prompts ADD COLUMN target TEXT NOT NULL DEFAULT '';
