//! The trades of the demo's accounts, and the words that their names are made of. Whatever resembles a real organisation does so by
//! chance.

/// Two characters make a brand: one of these and one of [`SECONDS`].
pub(super) const FIRSTS: [(&str, &str); 24] = [
    ("瑞", "Rui"),
    ("恒", "Heng"),
    ("泰", "Tai"),
    ("鼎", "Ding"),
    ("启", "Qi"),
    ("嘉", "Jia"),
    ("盛", "Sheng"),
    ("宏", "Hong"),
    ("景", "Jing"),
    ("博", "Bo"),
    ("诚", "Cheng"),
    ("凯", "Kai"),
    ("丰", "Feng"),
    ("润", "Run"),
    ("安", "An"),
    ("华", "Hua"),
    ("万", "Wan"),
    ("新", "Xin"),
    ("天", "Tian"),
    ("海", "Hai"),
    ("金", "Jin"),
    ("元", "Yuan"),
    ("立", "Li"),
    ("德", "De"),
];

/// The second characters of brands.
pub(super) const SECONDS: [(&str, &str); 24] = [
    ("泽", "ze"),
    ("昌", "chang"),
    ("达", "da"),
    ("远", "yuan"),
    ("信", "xin"),
    ("成", "cheng"),
    ("源", "yuan"),
    ("通", "tong"),
    ("和", "he"),
    ("利", "li"),
    ("翔", "xiang"),
    ("宇", "yu"),
    ("邦", "bang"),
    ("康", "kang"),
    ("业", "ye"),
    ("隆", "long"),
    ("铭", "ming"),
    ("晟", "sheng"),
    ("彦", "yan"),
    ("朗", "lang"),
    ("川", "chuan"),
    ("岳", "yue"),
    ("峰", "feng"),
    ("润", "run"),
];

/// Families and given names of invented people.
pub(super) const SURNAMES: [&str; 20] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "周", "吴", "徐", "孙", "马", "朱", "胡", "林", "郭", "何", "高",
    "罗",
];

/// Given names.
pub(super) const GIVEN_NAMES: [&str; 20] = [
    "志远", "建国", "晓东", "文博", "丽华", "海涛", "春梅", "俊杰", "思源", "国强", "雅琴", "明辉", "永康", "秀英",
    "子轩", "立新", "佩玲", "振华", "静怡", "少峰",
];

/// Streets that most towns have.
pub(super) const STREETS: [&str; 10] =
    ["人民路", "解放路", "建设大道", "科技路", "迎宾大道", "文化路", "工业园一路", "创业路", "和平路", "学府路"];

/// A trade.
#[derive(Debug)]
pub(super) struct Trade {
    /// In a name between brand and legal form.
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
    /// GB/T 4754-2017.
    pub(super) industry: &'static str,
    pub(super) form: Form,
    /// Thousands of employees come from here.
    pub(super) employees: (u64, u64),
    /// Accounts of this trade among those without a group.
    pub(super) count: usize,
    pub(super) tags: &'static [&'static str],
}

/// What kind of body an organisation is: how it is called and how its credit code begins (GB 32100-2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// 企业: 市 + 品牌 + 行业 + 有限公司.
    Company,
    /// 事业单位: 县 + 品牌 + 医院.
    Institution,
    /// 机关: 县 + 局.
    Authority,
}

impl Form {
    pub(super) fn credit_prefix(self) -> &'static str {
        match self {
            Self::Company => "91",
            Self::Institution => "12",
            Self::Authority => "11",
        }
    }
}

const fn company(
    zh: &'static str,
    en: &'static str,
    industry: &'static str,
    employees: (u64, u64),
    count: usize,
) -> Trade {
    Trade { zh, en, industry, form: Form::Company, employees, count, tags: &[] }
}

const fn body(zh: &'static str, industry: &'static str, form: Form, employees: (u64, u64), count: usize) -> Trade {
    Trade { zh, en: "", industry, form, employees, count, tags: &["公共服务"] }
}

/// Trades of companies without a group, of institutions and of authorities.
pub(super) const TRADES: [Trade; 20] = [
    Trade { tags: &["金融专线", "重点客户"], ..company("村镇银行", "Rural Bank", "J6621", (80, 900), 8) },
    company("精密电子", "Precision Electronics", "C3989", (120, 4_000), 14),
    company("机械制造", "Machinery", "C35", (60, 1_500), 12),
    company("纺织", "Textile", "C17", (90, 1_200), 8),
    company("食品", "Food", "C14", (50, 800), 8),
    company("药业", "Pharmaceutical", "C2720", (100, 1_800), 6),
    Trade { tags: &["物联网"], ..company("物流", "Logistics", "G5431", (40, 2_500), 14) },
    Trade { tags: &["上云客户"], ..company("软件", "Software", "I6513", (20, 900), 14) },
    company("数据服务", "Data Services", "I6450", (15, 300), 6),
    company("建筑工程", "Construction", "E4710", (150, 3_000), 8),
    company("置业", "Real Estate", "K7010", (30, 400), 6),
    Trade { tags: &["连锁"], ..company("百货", "Department Stores", "F5211", (60, 1_500), 6) },
    Trade { tags: &["连锁"], ..company("酒店", "Hotel", "H6110", (40, 500), 6) },
    Trade {
        tags: &["电力专网", "重点客户"], ..company("供电服务", "Power Supply", "D4420", (200, 2_000), 4)
    },
    body("医院", "Q8411", Form::Institution, (200, 3_500), 8),
    body("实验学校", "P8331", Form::Institution, (60, 400), 8),
    body("图书馆", "R88", Form::Institution, (20, 120), 3),
    body("教育局", "S92", Form::Authority, (40, 160), 4),
    body("交通运输局", "S92", Form::Authority, (50, 220), 4),
    body("行政审批服务局", "S92", Form::Authority, (40, 180), 4),
];

/// Groups with subsidiaries over several provinces, by the trade of their subsidiaries.
pub(super) const GROUPS: [Trade; 10] = [
    company("新能源", "New Energy", "C38", (800, 12_000), 5),
    company("通信设备", "Telecom Equipment", "C3922", (600, 9_000), 5),
    company("供应链", "Supply Chain", "G58", (300, 5_000), 5),
    company("医药", "Medicine", "C27", (500, 6_000), 4),
    company("家居", "Home Furnishing", "C2110", (400, 5_000), 4),
    company("汽车零部件", "Auto Parts", "C36", (700, 8_000), 5),
    company("化工", "Chemicals", "C26", (500, 7_000), 4),
    company("物业服务", "Property Services", "K7020", (900, 9_000), 5),
    company("连锁超市", "Supermarkets", "F5212", (1_000, 15_000), 4),
    company("环保科技", "Environmental Technology", "N77", (200, 2_500), 4),
];
