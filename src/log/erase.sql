-- The one way in which entries go: a session that was deleted, by an operator or since it is older than is kept. What is being
-- erased stands here first (it is what a restart goes on with), and the triggers let nothing else go. `before` is for what machines
-- printed in actions: entries up to that time. Approvals are in their target's stream and keep their place, since a second yes must
-- still meet the first: only what the agent said in them goes.
create table erasing (
  what text not null primary key,
  before integer not null
) strict, without rowid;
drop trigger entry_no_delete;
create trigger entry_no_delete before delete on entry
when not exists (
  select 1 from erasing where (what = old.stream and old.stream like 'session:%')
    or (what = 'printed' and old.kind = 'printed' and old.stream like 'target:%' and old.at < before)
)
begin select raise(abort, 'the log is append-only'); end;
drop trigger entry_no_update;
create trigger entry_no_update before update on entry
when not (
  old.kind in ('approval_asked', 'approval_answered')
  and new.seq is old.seq and new.at is old.at and new.stream is old.stream and new.kind is old.kind
  and new.about is old.about and new.once is old.once
  and json_extract(new.body, '$.erased') is 1
  and exists (
    select 1 from erasing, entry as asked
    where asked.stream = old.stream and asked.about is old.about and asked.kind = 'approval_asked'
      and what = 'session:' || json_extract(asked.body, '$.session')
  )
)
begin select raise(abort, 'the log is append-only'); end;
