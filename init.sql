-- EventFlow's database: tables, the one function that writes the ledger, the
-- roles of the programs, and three events on sale.
--
--   psql -v ON_ERROR_STOP=1 -d eventflow -f init.sql
--
-- As a superuser, in the database that is to hold it. Run it again as often as
-- you like: nothing is lost and nothing is doubled. The passwords come from the
-- environment, so that none is ever written in a file.

\set ON_ERROR_STOP on
set client_min_messages = warning;

\getenv app_password EVENTFLOW_APP_PASSWORD
\getenv auth_password EVENTFLOW_AUTH_PASSWORD
\getenv consumer_password EVENTFLOW_CONSUMER_PASSWORD

-- An unset variable must not become an empty password. :'name' of an unset
-- variable would be a syntax error that names nothing, hence the detour.
\if :{?app_password}
\else
  \set app_password ''
\endif
\if :{?auth_password}
\else
  \set auth_password ''
\endif
\if :{?consumer_password}
\else
  \set consumer_password ''
\endif
select :'app_password' = '' as app_missing, :'auth_password' = '' as auth_missing, :'consumer_password' = '' as consumer_missing \gset
\if :app_missing
  do $$ begin raise exception 'EVENTFLOW_APP_PASSWORD is not set: init.sql takes the password of role eventflow_app from it'; end $$;
\endif
\if :auth_missing
  do $$ begin raise exception 'EVENTFLOW_AUTH_PASSWORD is not set: init.sql takes the password of role eventflow_auth from it'; end $$;
\endif
\if :consumer_missing
  do $$ begin raise exception 'EVENTFLOW_CONSUMER_PASSWORD is not set: init.sql takes the password of role eventflow_consumer from it'; end $$;
\endif

-- All or nothing from here on: a start that was killed half way leaves an empty
-- database, not half a schema.
begin;

----------------------------------------------------------------------- tables

create table if not exists events (
    id         int primary key check (id > 0),
    name       text not null,
    venue      text not null,
    starts_at  timestamptz not null,
    created_at timestamptz not null default clock_timestamp()
);

-- The hall. It never changes while the event is on sale.
create table if not exists seats (
    event_id      int not null references events,
    seat          text not null check (octet_length(seat) between 1 and 16),
    section       text not null,
    section_order int not null,
    row_name      text not null,
    row_order     int not null,
    seat_order    int not null,
    price_cents   int not null check (price_cents >= 0),
    primary key (event_id, seat)
);

create table if not exists users (
    id            uuid primary key,
    email         text not null unique check (email = lower(email)),
    name          text not null,
    password_hash text not null,
    created_at    timestamptz not null default clock_timestamp()
);

-- The ledger: one row per purchase, written once, final from the start.
create table if not exists purchases (
    transaction_id uuid primary key,
    event_id       int not null references events,
    user_id        text not null check (user_id <> ''),
    seats          text[] not null check (cardinality(seats) between 1 and 8),
    amount_cents   int not null check (amount_cents >= 0),
    status         text not null check (status in ('CONFIRMED', 'REJECTED')),
    reason         text check ((status = 'REJECTED') = (reason is not null)),
    node           text not null,
    accepted_at    timestamptz not null,
    recorded_at    timestamptz not null default clock_timestamp()
);
create index if not exists purchases_by_user on purchases (user_id, recorded_at desc);
create index if not exists purchases_by_event on purchases (event_id);

-- THE arbiter: a seat is sold once because this primary key says so. Neither a
-- lock in Redis nor a check in a program is trusted with it.
create table if not exists sold_seats (
    event_id       int not null,
    seat           text not null,
    transaction_id uuid not null references purchases,
    primary key (event_id, seat),
    foreign key (event_id, seat) references seats
);
create index if not exists sold_seats_by_transaction on sold_seats (transaction_id);

-- What a sale causes in the world: here, a ticket handed out. Deliberately
-- without a unique key on transaction_id: a purchase settled twice must show.
create table if not exists effects (
    id             bigserial primary key,
    transaction_id uuid not null,
    kind           text not null check (kind = 'ticket'),
    at             timestamptz not null default clock_timestamp()
);
create index if not exists effects_by_transaction on effects (transaction_id);

------------------------------------------------------------------- the ledger

-- settle writes one purchase, whole or not at all, and tells what the ledger
-- says of it: CONFIRMED or REJECTED if it was written now, DUP_CONFIRMED or
-- DUP_REJECTED if it was there already. To call it again is always safe, and is
-- the only way to find out what became of a call whose answer was lost.
--
-- Errors of class 22 and 23 mean that this purchase can never be written (no
-- such event, no such seat, no seats): do not try again.
create or replace function settle(transaction uuid, event int, buyer text, seats text[], amount int, node text, accepted timestamptz)
returns text language plpgsql volatile security definer
-- Nothing but pg_catalog: a caller cannot slip in a table of his own.
set search_path = ''
as $$
declare
    written text;
begin
    -- A seat named twice would collide with itself below and look as if
    -- somebody else had it.
    if (select count(distinct s) from unnest(settle.seats) s) is distinct from cardinality(settle.seats)::bigint then
        raise exception 'purchase % names a seat twice or none', settle.transaction using errcode = 'invalid_parameter_value';
    end if;

    -- Waits for a rival of the same id that has not committed yet.
    insert into public.purchases (transaction_id, event_id, user_id, seats, amount_cents, status, node, accepted_at)
    values (settle.transaction, settle.event, settle.buyer, settle.seats, settle.amount, 'CONFIRMED', settle.node, settle.accepted)
    on conflict (transaction_id) do nothing;
    if not found then
        select p.status into strict written from public.purchases p where p.transaction_id = settle.transaction;
        return 'DUP_' || written;
    end if;

    begin
        -- In the order of their names: two purchases of the same seats then wait
        -- for one another in one direction only, and can never deadlock.
        insert into public.sold_seats (event_id, seat, transaction_id)
        select settle.event, s, settle.transaction from unnest(settle.seats) s order by s;
    exception when unique_violation then
        -- The block's own savepoint has taken back the seats before the clash.
        update public.purchases p set status = 'REJECTED', reason = 'seat_taken' where p.transaction_id = settle.transaction;
        return 'REJECTED';
    end;

    insert into public.effects (transaction_id, kind) values (settle.transaction, 'ticket');
    return 'CONFIRMED';
end $$;

-------------------------------------------------------------------- the halls

-- row_label counts rows as halls do: 1 is A, 26 is Z, 27 is AA.
create or replace function row_label(n int) returns text language sql immutable strict
set search_path = ''
as $$
    select case when n > 26 then chr(64 + (n - 1) / 26) else '' end || chr(65 + (n - 1) % 26)
$$;

-- add_section puts rows into a hall; rows[i] has widths[i] seats, named
-- "<row>-1" and so on. Names must be unique in the event. Rows that are there
-- already stay as they are.
create or replace function add_section(event int, section text, section_order int, rows text[], widths int[], price_cents int)
returns void language sql volatile
set search_path = ''
as $$
    insert into public.seats (event_id, seat, section, section_order, row_name, row_order, seat_order, price_cents)
    select add_section.event, r.row_name || '-' || n, add_section.section, add_section.section_order, r.row_name, r.row_order, n, add_section.price_cents
    from unnest(add_section.rows, add_section.widths) with ordinality as r(row_name, width, row_order),
         generate_series(1, r.width) as n
    on conflict (event_id, seat) do nothing
$$;

-- open_sale puts an event with a plain hall on sale: one section "General", rows
-- A, B, ... Z, AA, ..., seats "A-1".
create or replace function open_sale(event int, name text, venue text, rows int, seats_per_row int, price_cents int)
returns void language plpgsql volatile
set search_path = ''
as $$
begin
    insert into public.events (id, name, venue, starts_at)
    values (open_sale.event, open_sale.name, open_sale.venue, date_trunc('day', now()) + interval '30 days 20 hours')
    on conflict (id) do nothing;
    perform public.add_section(open_sale.event, 'General', 1,
        array(select public.row_label(i) from generate_series(1, open_sale.rows) i order by i),
        array_fill(open_sale.seats_per_row, array[open_sale.rows]), open_sale.price_cents);
end $$;

-- A conference hall, 396 seats: a flat floor that widens towards the back.
insert into events (id, name, venue, starts_at) values
    (999, 'Conferencia Sistemas Distribuidos', 'Palacio de Congresos', date_trunc('day', now()) + interval '30 days 9 hours'),
    (101, 'Concierto de Rock', 'Arena Norte', date_trunc('day', now()) + interval '45 days 21 hours'),
    (202, 'Obra de Teatro Clásica', 'Teatro Principal', date_trunc('day', now()) + interval '60 days 20 hours')
on conflict (id) do nothing;
select add_section(999, 'Front', 1, array['A','B','C','D','E'], array[16,16,18,18,18], 12000);
select add_section(999, 'Centre', 2, array['F','G','H','I','J','K','L'], array[20,20,20,22,22,22,22], 8500);
select add_section(999, 'Back', 3, array['M','N','O','P','Q','R'], array[24,26,26,28,28,30], 4500);

-- An arena, 560 seats: VIP boxes by the stage, the floor, two steep stands.
select add_section(101, 'VIP', 1, array['V1','V2','V3'], array[12,14,14], 18000);
select add_section(101, 'Floor', 2, array['A','B','C','D','E','F','G','H','I','J'], array[24,24,24,24,24,24,24,24,24,24], 7500);
select add_section(101, 'Stand East', 3, array['E1','E2','E3','E4','E5'], array[24,26,28,30,32], 5500);
select add_section(101, 'Stand West', 4, array['W1','W2','W3','W4','W5'], array[24,26,28,30,32], 5500);

-- A theatre, 344 seats: stalls, boxes of four on both sides, two tiers above.
select add_section(202, 'Stalls', 1, array['A','B','C','D','E','F','G','H','I','J'], array[14,16,16,18,18,18,20,20,20,20], 6000);
select add_section(202, 'Boxes', 2, array['BX1','BX2','BX3','BX4','BX5','BX6','BX7','BX8','BX9','BX10'], array[4,4,4,4,4,4,4,4,4,4], 9000);
select add_section(202, 'Balcony', 3, array['K','L','M','N'], array[18,20,22,24], 3800);
select add_section(202, 'Gallery', 4, array['P','Q'], array[20,20], 2000);

-------------------------------------------------------------------- the roles

select format('create role %I', name) from unnest(array['eventflow_app', 'eventflow_auth', 'eventflow_consumer']) name
where not exists (select from pg_roles where rolname = name) \gexec

alter role eventflow_app      login nosuperuser nocreatedb nocreaterole noinherit noreplication connection limit 60 password :'app_password';
alter role eventflow_auth     login nosuperuser nocreatedb nocreaterole noinherit noreplication connection limit 30 password :'auth_password';
alter role eventflow_consumer login nosuperuser nocreatedb nocreaterole noinherit noreplication connection limit 30 password :'consumer_password';

-- The server's half of the timeout ladder. A client that gives up cannot always
-- take its statement along (its cancel travels the same broken road), so the
-- server ends what nobody waits for: a lock after 2 s, a statement after 3 s, a
-- forgotten transaction after 5 s. client_connection_check_interval notices a
-- client that is gone while its statement still runs.
select format('alter role %I set %s', role, setting)
from unnest(array['eventflow_app', 'eventflow_auth', 'eventflow_consumer']) role,
     unnest(array['lock_timeout = ''2s''', 'statement_timeout = ''3s''', 'idle_in_transaction_session_timeout = ''5s''',
                  'client_connection_check_interval = ''1s''', 'tcp_keepalives_idle = 5', 'tcp_keepalives_interval = 1',
                  'tcp_keepalives_count = 3', 'synchronous_commit = on', 'timezone = ''UTC''']) setting \gexec

-- Each role may do what its program does, and nothing more.
revoke all on database :"DBNAME" from public;
grant connect on database :"DBNAME" to eventflow_app, eventflow_auth, eventflow_consumer;
revoke all on schema public from public;
grant usage on schema public to eventflow_app, eventflow_auth, eventflow_consumer;
revoke all on all tables in schema public from public, eventflow_app, eventflow_auth, eventflow_consumer;
revoke all on all sequences in schema public from public, eventflow_app, eventflow_auth, eventflow_consumer;
revoke all on all functions in schema public from public, eventflow_app, eventflow_auth, eventflow_consumer;

grant select on events, seats, sold_seats, purchases to eventflow_app;
grant select, insert on users to eventflow_auth;
grant select on purchases, sold_seats to eventflow_consumer;
grant execute on function settle(uuid, int, text, text[], int, text, timestamptz) to eventflow_consumer;

commit;

-- Fresh statistics, or the first plans on a new database are guesses.
analyze events, seats;
