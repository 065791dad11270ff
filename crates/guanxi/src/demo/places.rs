//! Where the accounts of the demo are: real divisions with their codes of GB/T 2260, and invented grids.

use guanxi_proto::client_registry::v1::Territory;
use guanxi_proto::r#type::v1::LocalizedText;

/// Code, name, and the English name or, of a county, the neighbourhood that its grids are called after.
const DIVISIONS: [(&str, &str, &str); 69] = [
    ("310000", "上海市", "Shanghai"),
    ("310101", "黄浦区", "外滩"),
    ("310104", "徐汇区", "田林"),
    ("310112", "闵行区", "莘庄"),
    ("310115", "浦东新区", "张江"),
    ("320000", "江苏省", "Jiangsu"),
    ("320100", "南京市", "Nanjing"),
    ("320102", "玄武区", "新街口"),
    ("320105", "建邺区", "沙洲"),
    ("320115", "江宁区", "秣陵"),
    ("320500", "苏州市", "Suzhou"),
    ("320505", "虎丘区", "狮山"),
    ("320508", "姑苏区", "平江"),
    ("320583", "昆山市", "玉山"),
    ("330000", "浙江省", "Zhejiang"),
    ("330100", "杭州市", "Hangzhou"),
    ("330106", "西湖区", "古荡"),
    ("330108", "滨江区", "长河"),
    ("330110", "余杭区", "仓前"),
    ("330200", "宁波市", "Ningbo"),
    ("330203", "海曙区", "月湖"),
    ("330212", "鄞州区", "首南"),
    ("330700", "金华市", "Jinhua"),
    ("330782", "义乌市", "稠城"),
    ("370000", "山东省", "Shandong"),
    ("370100", "济南市", "Jinan"),
    ("370102", "历下区", "泉城路"),
    ("370112", "历城区", "洪家楼"),
    ("370200", "青岛市", "Qingdao"),
    ("370202", "市南区", "香港中路"),
    ("370211", "黄岛区", "薛家岛"),
    ("370212", "崂山区", "中韩"),
    ("420000", "湖北省", "Hubei"),
    ("420100", "武汉市", "Wuhan"),
    ("420102", "江岸区", "一元"),
    ("420106", "武昌区", "中南路"),
    ("420111", "洪山区", "关山"),
    ("420500", "宜昌市", "Yichang"),
    ("420502", "西陵区", "云集"),
    ("440000", "广东省", "Guangdong"),
    ("440100", "广州市", "Guangzhou"),
    ("440103", "荔湾区", "逢源"),
    ("440104", "越秀区", "北京路"),
    ("440106", "天河区", "猎德"),
    ("440111", "白云区", "三元里"),
    ("440300", "深圳市", "Shenzhen"),
    ("440303", "罗湖区", "东门"),
    ("440304", "福田区", "香蜜湖"),
    ("440305", "南山区", "粤海"),
    ("440306", "宝安区", "西乡"),
    ("440600", "佛山市", "Foshan"),
    ("440604", "禅城区", "祖庙"),
    ("440605", "南海区", "桂城"),
    ("440606", "顺德区", "大良"),
    ("510000", "四川省", "Sichuan"),
    ("510100", "成都市", "Chengdu"),
    ("510104", "锦江区", "春熙路"),
    ("510107", "武侯区", "玉林"),
    ("510112", "龙泉驿区", "大面"),
    ("510116", "双流区", "东升"),
    ("510700", "绵阳市", "Mianyang"),
    ("510703", "涪城区", "城厢"),
    ("610000", "陕西省", "Shaanxi"),
    ("610100", "西安市", "Xi'an"),
    ("610103", "碑林区", "长乐坊"),
    ("610113", "雁塔区", "小寨路"),
    ("610116", "长安区", "韦曲"),
    ("610300", "宝鸡市", "Baoji"),
    ("610302", "渭滨区", "经二路"),
];

const ROOT: &str = "CN";
const GRIDS: [&str; 2] = ["一", "二"];

/// A county in its city and province.
#[derive(Clone, Debug)]
pub(super) struct County {
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) city: &'static str,
    pub(super) city_code: String,
    /// English name of the city.
    pub(super) city_en: &'static str,
    /// Empty for a municipality, which is city and province in one.
    pub(super) province: &'static str,
    pub(super) neighbourhood: &'static str,
}

/// All counties, in the order of their codes.
pub(super) fn counties() -> Vec<County> {
    let named = |code: &str| DIVISIONS.iter().find(|division| division.0 == code);
    let county = |(code, name, neighbourhood): &(&'static str, &'static str, &'static str)| {
        let province = named(&format!("{}0000", &code[..2]))?;
        let city = named(&format!("{}00", &code[..4]));
        let (city_code, city, city_en) = *city.unwrap_or(province);
        let province = if city_code == province.0 { "" } else { province.1 };
        Some(County { code, name, city, city_code: city_code.to_owned(), city_en, province, neighbourhood })
    };
    DIVISIONS.iter().filter(|division| !division.0.ends_with("00")).filter_map(county).collect()
}

/// The code of one of the grids of a county.
pub(super) fn grid(county: &County, number: usize) -> String {
    format!("{}_{:02}", county.code, number % GRIDS.len() + 1)
}

/// The whole tree, parents first.
pub(super) fn territories() -> Vec<Territory> {
    let mut tree = vec![territory(ROOT, "中国", "China", "HEADQUARTERS", "")];
    for (code, name, english) in DIVISIONS.iter().filter(|division| division.0.ends_with("00")) {
        let province = format!("{}0000", &code[..2]);
        let (level, parent) = if *code == province { ("PROVINCE", ROOT) } else { ("CITY", province.as_str()) };
        tree.push(territory(code, name, english, level, parent));
    }
    for county in counties() {
        tree.push(territory(county.code, county.name, "", "COUNTY", &county.city_code));
        for (index, number) in GRIDS.iter().enumerate() {
            let name = format!("{}网格{number}", county.neighbourhood);
            tree.push(territory(&grid(&county, index), &name, "", "GRID", county.code));
        }
    }
    tree
}

fn territory(code: &str, zh: &str, en: &str, level: &str, parent: &str) -> Territory {
    Territory {
        code: code.to_owned(),
        name: Some(LocalizedText { zh: zh.to_owned(), en: en.to_owned() }),
        level: level.to_owned(),
        parent_code: parent.to_owned(),
        ..Default::default()
    }
}
