-- Description: the tree of categories is found by ids, not through a GiST index
-- migrate:no-transaction
-- Under many moves at once PostgreSQL 18.4 marked live entries of this index as dead: categories that are there were not found. A company
-- has some hundreds of them: what lies above one is named in its path, what lies below is found among the company's own.
DROP INDEX CONCURRENTLY IF EXISTS idx_equipment_categories_path;
