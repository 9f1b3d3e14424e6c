DROP FUNCTION mb_cuid();
DROP FUNCTION mb_now();
DROP EXTENSION btree_gist;
