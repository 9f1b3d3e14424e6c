-- Every variable that libpq, initdb or postgres reads, as somebody may have set it for another database: with most
-- of them alone no connection to ours would come about, or it would be another.

return {
  PGHOST = "192.0.2.1", PGHOSTADDR = "127.0.0.1", PGPORT = "1", PGDATABASE = "nowhere", PGUSER = "nobody",
  PGPASSWORD = "secret", PGPASSFILE = "/nonexistent", PGSERVICE = "nowhere", PGSERVICEFILE = "/nonexistent",
  PGSYSCONFDIR = "/nonexistent", PGOPTIONS = "-c no_such_setting=1", PGAPPNAME = "stranger",
  PGTARGETSESSIONATTRS = "standby", PGLOADBALANCEHOSTS = "nonsense", PGCHANNELBINDING = "require",
  PGREQUIREPEER = "nobody", PGREQUIREAUTH = "scram-sha-256", PGCONNECT_TIMEOUT = "nonsense",
  PGCLIENTENCODING = "LATIN1", PGDATESTYLE = "German", PGTZ = "Asia/Tokyo", PGGEQO = "nonsense",
  PGSSLMODE = "nonsense", PGREQUIRESSL = "1", PGSSLCOMPRESSION = "1", PGSSLCERT = "/nonexistent",
  PGSSLKEY = "/nonexistent", PGSSLCERTMODE = "require", PGSSLROOTCERT = "/nonexistent", PGSSLCRL = "/nonexistent",
  PGSSLCRLDIR = "/nonexistent", PGSSLSNI = "1", PGSSLNEGOTIATION = "direct", PGSSLMINPROTOCOLVERSION = "TLSv9",
  PGSSLMAXPROTOCOLVERSION = "TLSv1", PGGSSENCMODE = "require", PGKRBSRVNAME = "nobody", PGGSSLIB = "gssapi",
  PGGSSDELEGATION = "1", PGMINPROTOCOLVERSION = "9", PGMAXPROTOCOLVERSION = "9", PGLOCALEDIR = "/nonexistent",
  PGDATA = "/nonexistent", PG_COLOR = "always",
}
