-- A country: 1 + 31 + 341 + 2,604 territories and 1,000,000 accounts, most of them in few counties, as customers are. The same in
-- every run. Run as the superuser: references are not checked row by row, indexes are made at the end.
set session_replication_role = replica;
set synchronous_commit = off;
select setseed(0.1);

create temporary table place as
with chars as (select '江河湖海山林泉源平安宁昌兴隆永定远怀仁义和顺丰泽清阳阴东西南北中上下新古长龙凤金银铜玉石白黑青红云雷雨雪春秋' as text),
province as (
    select ordinality as number, lpad((10 + ordinality)::text, 2, '0') as code, name
    from unnest(array['北京市', '天津市', '河北省', '山西省', '内蒙古自治区', '辽宁省', '吉林省', '黑龙江省', '上海市', '江苏省', '浙江省',
        '安徽省', '福建省', '江西省', '山东省', '河南省', '湖北省', '湖南省', '广东省', '广西壮族自治区', '海南省', '重庆市', '四川省',
        '贵州省', '云南省', '西藏自治区', '陕西省', '甘肃省', '青海省', '宁夏回族自治区', '新疆维吾尔自治区']) with ordinality as province (name, ordinality)
),
city as (
    select province.code || lpad(n::text, 2, '0') as code, province.code as above,
        substr(chars.text, 1 + ((province.number * 11 + n) * 7 % length(chars.text))::integer, 1)
        || substr(chars.text, 1 + ((province.number * 11 + n) * 29 / length(chars.text) % length(chars.text))::integer, 1) || '市' as name
    from province, chars, generate_series(1, 11) as n
),
county as (
    select city.code || lpad(n::text, 2, '0') as code, city.code as above,
        substr(chars.text, 1 + floor(random() * length(chars.text))::integer, 1) || substr(chars.text, 1 + floor(random() * length(chars.text))::integer, 1)
        || (array['县', '区'])[1 + floor(random() * 2)::integer] as name
    from city, chars, generate_series(1, 8) as n
    where n < 8 or substr(city.code, 3)::integer < 8
)
select '00' as code, null as above, '总部' as name, 'HEADQUARTERS' as level, '00/' as path
union all select code, '00', name, 'PROVINCE', '00/' || code || '/' from province
union all select code, above, name, 'CITY', '00/' || above || '/' || code || '/' from city
union all select code, above, name, 'COUNTY', '00/' || left(above, 2) || '/' || above || '/' || code || '/' from county;

insert into client_registry.territory (id, code, name_zh, level, parent_code, path, version, create_time, update_time)
select gen_random_uuid(), code, name, level, above, path, 1, '2026-01-01', '2026-01-01' from place;

-- The busiest county first.
create temporary table county as
select row_number() over (order by random()) as number, place.code, place.path, left(city.name, 2) as city, city.name || place.name as address
from place join place city on city.code = place.above where place.level = 'COUNTY';
analyze county;

alter table client_registry.account drop constraint account_credit_code_key;
drop index client_registry.account_territory_idx, client_registry.account_territory_code_idx, client_registry.account_tree_idx,
    client_registry.account_parent_idx, client_registry.account_grams_idx;

insert into client_registry.account (id, legal_name, short_name, aliases, credit_code, external_ids, tree_path, territory_code,
    territory_path, address, employee_count, public_sector, tier, state, source, tags, attributes, grams, version, create_time,
    update_time)
select id, core || legal_form, brand, '{}', '91' || lpad(n::text, 16, '0'), '{}', id || '/', code, path, address || n % 1000 || '号',
    n % 5000, false, case when n % 50 = 0 then 'A' when n % 10 = 0 then 'B' end, 'PROSPECT', 'scale', '{}', '{}',
    -- As grams() in src/account/name.rs makes them of Chinese names: neighbours, and the beginning.
    (array[substr(core, 1, 2), substr(core, 2, 2), substr(core, 3, 2), substr(core, 4, 2), substr(core, 5, 2), substr(core, 6, 2),
        substr(core, 7, 2), substr(core, 8, 2), substr(core, 9, 2)])[1:length(core) - 1] || ('^' || left(core, 1)) || ('^' || left(brand, 1)),
    1, '2026-01-01'::timestamptz + n * interval '1 second', '2026-01-01'::timestamptz + n * interval '1 second'
from (
    select n, code, path, address, brand, (array['有限公司', '有限公司', '有限公司', '股份有限公司', '集团有限公司'])[1 + n % 5] as legal_form,
        case when prefix < 0.7 then city else '' end || brand || trade as core,
        (lpad(to_hex(1760000000000 + n), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8'
            || lpad(to_hex(hashint8extended(n, 0) & 1152921504606846975), 15, '0'))::uuid as id
    from (
        select n, 1 + floor(power(random(), 2.5) * 2604)::bigint as number, random() as prefix,
            substr(chars, 1 + floor(random() * length(chars))::integer, 1) || substr(chars, 1 + floor(random() * length(chars))::integer, 1)
            || case when random() < 0.2 then substr(chars, 1 + floor(random() * length(chars))::integer, 1) else '' end as brand,
            (array['科技', '贸易', '商贸', '科技发展', '信息技术', '建筑工程', '物流', '机械制造', '电子', '餐饮管理', '医药', '置业', '能源',
                '文化传媒', '汽车销售', '农业', '服饰', '化工', '环保', '生物科技', '网络科技', '投资管理', '物业管理', '装饰工程', '劳务派遣',
                '人力资源', '广告', '旅游', '酒店管理', '教育咨询', '企业管理', '电力设备', '新材料', '食品', '包装', '印刷', '家具', '建材',
                '五金', '塑胶', '模具', '纺织', '陶瓷', '玻璃', '光电', '半导体', '通信设备', '仪器仪表', '安防', '检测', '园林绿化', '水务',
                '燃气', '矿业', '钢铁', '有色金属', '船舶', '航空服务', '供应链', '珠宝首饰'])[1 + floor(power(random(), 2) * 60)::integer] as trade
        from generate_series(1, 1000000) as n,
            (values ('博达创宏信诚嘉恒瑞盛鑫德正业力康佳美华强伟杰智云慧天润源泰通广汇联合众邦友成功立天地元亨利贞乾坤日月星辰光明辉煌腾飞翔鹏鸿雁鹤凤麒麟龙虎豹骏马驰骋奔腾跃进升高远大宏图展翅凌霄汉唐宋元明清晋楚齐燕赵韩魏秦吴越蜀闽粤桂滇黔湘鄂豫皖赣苏浙沪京津冀鲁辽吉松柏竹梅兰菊荷桃李杏樱枫桐桂楠檀紫翠碧蓝银铂钻晶玉璞琳琅珠宝珍奇妙绝佳优良品味精细致雅韵悦欣怡然朗逸卓越超群英才俊彦贤哲圣睿敏捷速达畅行知本草木森林田园野原丘峰岭岳川溪涧泓澜波涛浪淘沙舟帆港湾洲岛屿桥梁栋柱基石磐固坚毅勇') )
            as words (chars)
    ) as drawn join county using (number)
) as made;

alter table client_registry.account add constraint account_credit_code_key unique (credit_code);
create index account_territory_idx on client_registry.account (territory_path, id);
create index account_territory_code_idx on client_registry.account (territory_code);
create index account_tree_idx on client_registry.account (tree_path);
create index account_parent_idx on client_registry.account (parent_id) where parent_id is not null;
create index account_grams_idx on client_registry.account using gin (grams) with (fastupdate = off);
vacuum analyze client_registry.account;
analyze client_registry.territory;
