-- What evaluators give beside the score, and what a search looks at: JSON, numbers by name.

ALTER TABLE evaluations ADD COLUMN objectives TEXT NOT NULL DEFAULT '{}';

ALTER TABLE candidates ADD COLUMN objectives TEXT NOT NULL DEFAULT '{}';
