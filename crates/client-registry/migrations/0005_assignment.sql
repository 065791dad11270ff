alter table client_registry.account_manager add column depart_date date;
-- Whoever looks for somebody asks those of the territories above, and these.
create index account_manager_industry_idx on client_registry.account_manager (id) where channel = 'INDUSTRY';

-- One row. Version 0 is what was shipped, so the event of the first change has version 1.
create table client_registry.assignment_policy (
    id uuid not null,
    tier_a_min_grade integer not null,
    tier_b_min_grade integer not null,
    tier_c_min_grade integer not null,
    untiered_min_grade integer not null,
    field_max_accounts integer not null,
    industry_max_accounts integer not null,
    phone_max_accounts integer not null,
    tier_c_channel text,
    vacancy_days integer not null,
    version bigint not null,
    update_time timestamptz not null,
    constraint assignment_policy_pkey primary key (id),
    constraint assignment_policy_id_check check (id = '01990000-0000-7000-8000-000000000001')
);

insert into client_registry.assignment_policy (id, tier_a_min_grade, tier_b_min_grade, tier_c_min_grade, untiered_min_grade,
    field_max_accounts, industry_max_accounts, phone_max_accounts, tier_c_channel, vacancy_days, version, update_time)
values ('01990000-0000-7000-8000-000000000001', 4, 2, 1, 1, 250, 250, 1000, 'PHONE', 7, 0, '1970-01-01T00:00:00Z');

create table client_registry.hand_over (
    id uuid not null,
    from_account_manager_ids uuid[] not null,
    to_account_manager_ids uuid[] not null,
    account_count integer not null,
    reason text not null,
    note text,
    actor text not null,
    -- Smallest territory that contained all accounts; when that territory is deleted, the one above it.
    territory_path text collate "C" not null,
    create_time timestamptz not null,
    constraint hand_over_pkey primary key (id)
);

create index hand_over_territory_idx on client_registry.hand_over (territory_path, id);

create table client_registry.assignment (
    id uuid not null,
    account_id uuid not null,
    account_manager_id uuid not null,
    role text not null,
    -- First day, and the first day after the last.
    start_date date not null,
    end_date date,
    open_reason text,
    close_reason text,
    exception_reason text,
    hand_over_id uuid,
    closing_hand_over_id uuid,
    -- Copy of the path of the account's territory, kept by whoever moves the account or the territory.
    territory_path text collate "C" not null,
    version bigint not null,
    create_time timestamptz not null,
    update_time timestamptz not null,
    constraint assignment_pkey primary key (id),
    constraint assignment_account_fkey foreign key (account_id) references client_registry.account (id),
    constraint assignment_manager_fkey foreign key (account_manager_id) references client_registry.account_manager (id),
    constraint assignment_hand_over_fkey foreign key (hand_over_id) references client_registry.hand_over (id),
    constraint assignment_closing_hand_over_fkey foreign key (closing_hand_over_id) references client_registry.hand_over (id),
    constraint assignment_days_check check (end_date >= start_date)
);

-- Never two who answer for an account, nor twice the same.
create unique index assignment_primary_key on client_registry.assignment (account_id) where role = 'PRIMARY' and end_date is null;
create unique index assignment_open_key on client_registry.assignment (account_id, account_manager_id, role) where end_date is null;
-- For the load of a manager.
create index assignment_load_idx on client_registry.assignment (account_manager_id) where role = 'PRIMARY' and end_date is null;
create index assignment_account_idx on client_registry.assignment (account_id, start_date);
create index assignment_manager_idx on client_registry.assignment (account_manager_id, id);
create index assignment_hand_over_idx on client_registry.assignment (hand_over_id) where hand_over_id is not null;
create index assignment_closing_hand_over_idx on client_registry.assignment (closing_hand_over_id)
    where closing_hand_over_id is not null;
create index assignment_territory_idx on client_registry.assignment (territory_path, id);

-- Customers without an open PRIMARY assignment.
create table client_registry.vacancy (
    account_id uuid not null,
    -- First day on which nobody was responsible.
    since_date date not null,
    -- Copy of the path of the account's territory, kept by whoever moves the account or the territory.
    territory_path text collate "C" not null,
    constraint vacancy_pkey primary key (account_id),
    constraint vacancy_account_fkey foreign key (account_id) references client_registry.account (id)
);

create index vacancy_territory_idx on client_registry.vacancy (territory_path, account_id);

insert into client_registry.vacancy (account_id, since_date, territory_path)
select id, (coalesce(activate_time, create_time) at time zone 'Asia/Shanghai')::date, territory_path
from client_registry.account where state <> 'PROSPECT';

grant select, update on client_registry.assignment_policy to client_registry_service;
grant select, insert on client_registry.hand_over to client_registry_service;
-- A territory that is deleted leaves its hand-overs to the one above, one that moves takes them along.
grant update (territory_path) on client_registry.hand_over to client_registry_service;
grant select, insert, update on client_registry.assignment to client_registry_service;
grant select, insert, update, delete on client_registry.vacancy to client_registry_service;
