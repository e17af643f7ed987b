ALTER TABLE identity ADD COLUMN holder_host TEXT;
