-- The audit: who did what, in a chain of hashes (src/access/audit.ts says what a row is). Written in the transaction of the
-- entry that it reads, but it refers to it by number only: what an entry said may be deleted one day, its row never.
-- Without a rowid, since a number that SQLite keeps twice could be changed in one of the two places unseen.
create table audit (
  n integer not null primary key,
  at integer not null,
  who text not null,
  how text not null,
  peer text not null,
  what text not null,
  target text not null,
  request_id text not null,
  decision text not null,
  outcome text not null,
  detail text not null,
  entry integer unique,
  prev text not null,
  hash text not null
) strict, without rowid;
create index audit_request on audit (request_id, n) where request_id <> '';
create trigger audit_no_update before update on audit begin select raise(abort, 'the audit is append-only'); end;
create trigger audit_no_delete before delete on audit begin select raise(abort, 'the audit is append-only'); end;
