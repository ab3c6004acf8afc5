-- One append-only table. What is written here is never changed; what may be deleted is in erase.sql alone; the triggers say so to
-- anybody who tries by hand. `about` is the subject within the stream, `once` a key that may be written once, ever.
create table entry (
  seq integer primary key,
  at integer not null,
  stream text not null,
  kind text not null,
  about text,
  body text not null,
  once text
) strict;
create unique index entry_once on entry (once) where once is not null;
create index entry_stream on entry (stream, seq);
create index entry_about on entry (stream, about, seq) where about is not null;
create index entry_kind on entry (kind, stream, seq);
create trigger entry_no_update before update on entry begin select raise(abort, 'the log is append-only'); end;
create trigger entry_no_delete before delete on entry begin select raise(abort, 'the log is append-only'); end;
