//! The example of the divisions of China and the companies of the Shenzhen exchange, and the search over these names.
//!
//! The data is not in the repository; where it is not beside it these tests say so and pass.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use client_registry::credit_code::{CreditCode, CreditCodeError};
use guanxi_proto::client_registry::v1::account_service_client::AccountServiceClient;
use guanxi_proto::client_registry::v1::{Account, ExportAccountsRequest, SearchAccountsRequest};
use guanxi_test_support::{skip, with_token};
use tonic::transport::Channel;

use crate::registry::Registry;

const COMPANIES: u64 = 2_880;
/// CN, 31 provinces, 342 cities less 9 that only gather counties, 2,978 counties less 3 that are their city.
const TERRITORIES: u64 = 1 + 31 + 333 + 2_975;

/// The folder with the public data beside the repository.
fn shared_data() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").canonicalize().ok();
    if shared.is_none() {
        skip("../shared/data is not there");
    }
    shared
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/china").join(name)
}

/// Does what `run.sh` does, with figures.
fn bring(registry: &Registry, shared: &Path) -> [[u64; 5]; 2] {
    let out = registry.path("china");
    let prepared = Command::new("python3").args([&example("prepare.py"), shared, &out]).output().unwrap();
    assert!(prepared.status.success(), "{prepared:?}");
    let map = |name: &str| out.join(name).to_str().unwrap().to_owned();
    let territories = registry.import("territory", &map("territories.csv"), &["--map", &map("territories.toml")]);
    let companies = companies(shared).to_str().unwrap().to_owned();
    let companies = registry.import("account", &companies, &["--map", &map("companies.toml")]);
    [territories.counts(), companies.counts()]
}

fn companies(shared: &Path) -> PathBuf {
    shared.join("cn-companies/szse-a-shares-2025-12.csv")
}

#[tokio::test]
async fn the_whole_tree_and_every_company_land_once() {
    let Some(shared) = shared_data() else { return };
    let registry = Registry::start().await;
    let [territories, accounts] = bring(&registry, &shared);
    assert_eq!(territories, [TERRITORIES, 0, 0, 0, 0]);
    println!("landed {} of {COMPANIES}, rejected {}", accounts[0], accounts[4]);
    assert!(accounts[0] + accounts[4] == COMPANIES && accounts[4] <= 7, "{accounts:?}");

    let places = by_stock_code(&registry).await;
    for (stock_code, territory, industry) in [
        ("000001", "440300", "J"),
        // A municipality's own rank.
        ("000725", "110000", "C"),
        // Counties right below a province, known by the address.
        ("002365", "429005", "C"),
        ("000972", "659004", "C"),
        ("000955", "469023", "C"),
    ] {
        let account = &places[stock_code];
        assert_eq!(
            (account.territory_code.as_str(), account.industry_code.as_str()),
            (territory, industry),
            "{stock_code}"
        );
    }
    // The regulator's S is no section of GB/T 4754.
    let conglomerates = places.values().filter(|account| account.attributes["industry_csrc"].starts_with('S'));
    assert!(conglomerates.clone().count() > 0 && conglomerates.clone().all(|account| account.industry_code.is_empty()));
    assert_eq!(places["000001"].attributes["total_shares"], "19405918198");

    let again = bring(&registry, &shared);
    assert_eq!(again, [[0, 0, 0, TERRITORIES, 0], [0, 0, 0, accounts[0], accounts[4]]]);
    assert_eq!(registry.count().await, (i64::try_from(accounts[0]).unwrap(), 0));
    let run = Command::new(example("run.sh"))
        .args([&shared, &registry.path("out")])
        .envs([
            ("GUANXI", env!("CARGO_BIN_EXE_guanxi")),
            ("GUANXI_ENDPOINT", &registry.endpoint()),
            ("GUANXI_TOKEN", &registry.token),
        ])
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    assert_eq!(registry.count().await, (i64::try_from(accounts[0]).unwrap(), 0));
}

async fn by_stock_code(registry: &Registry) -> BTreeMap<String, Account> {
    let mut stream = registry
        .accounts()
        .export_accounts(with_token(ExportAccountsRequest::default(), &registry.token))
        .await
        .unwrap()
        .into_inner();
    let mut accounts = BTreeMap::new();
    while let Some(batch) = stream.message().await.unwrap() {
        accounts.extend(batch.accounts.into_iter().map(|account| (account.external_ids[0].value.clone(), account)));
    }
    accounts
}

/// A company as the list has it.
struct Company {
    stock_code: String,
    name: Vec<char>,
    short_name: String,
    english: String,
    city: String,
}

fn read(shared: &Path) -> Vec<Company> {
    let mut reader = csv::Reader::from_path(companies(shared)).unwrap();
    let header = reader.headers().unwrap().clone();
    let column = |name: &str| header.iter().position(|title| title == name).unwrap();
    let [code, name, short, english, city] = ["stock_code", "name_zh", "short_name_zh", "name_en", "city"].map(column);
    let company = |row: csv::StringRecord| Company {
        stock_code: row[code].to_owned(),
        name: row[name].chars().collect(),
        short_name: row[short].to_owned(),
        english: row[english].trim().to_owned(),
        city: row[city].to_owned(),
    };
    reader.records().map(|row| company(row.unwrap())).collect()
}

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}

/// Characters of a name before its legal form.
fn core(name: &[char]) -> usize {
    let name = text(name);
    let forms = ["股份有限公司", "有限公司", "股份公司", "(集团)", "（集团）", "集团"];
    forms.iter().fold(name.as_str(), |name, form| name.strip_suffix(form).unwrap_or(name)).chars().count()
}

/// What may be typed when this company is meant: kind and text. A part of the name is one that no other name has: else nobody can say
/// which one is meant.
fn variants(company: &Company, all: &[Company], random: &mut Random) -> Vec<(&'static str, String)> {
    let core = core(&company.name);
    let mut wrong = company.name.clone();
    // Anywhere, the legal form included, and whether or not another name is as near then.
    let (place, donor) = (random.below(wrong.len()), &all[random.below(all.len())].name);
    wrong[place] = donor[random.below(donor.len())];
    let mut variants = vec![
        ("short name", company.short_name.clone()),
        ("full width", company.english.chars().map(wide).collect()),
        ("English name", company.english.to_lowercase()),
        ("one wrong character", text(&wrong)),
    ];
    for _ in 0..20 {
        let length = 3 + random.below(4);
        if core < length {
            continue;
        }
        let start = random.below(core - length + 1);
        let part = text(&company.name[start..start + length]);
        if all.iter().filter(|other| text(&other.name).contains(&part) || other.short_name.contains(&part)).count() == 1
        {
            variants.push(("part of the name", part));
            break;
        }
    }
    variants.retain(|(_, text)| !text.is_empty() && text.chars().count() <= 100);
    variants
}

fn text(characters: &[char]) -> String {
    characters.iter().collect()
}

fn wide(character: char) -> char {
    match character {
        '!'..='~' => char::from_u32(u32::from(character) + 0xFEE0).unwrap(),
        other => other,
    }
}

/// Names that no company has: a real city, two characters that stand together in no name, a trade.
fn inventions(all: &[Company], random: &mut Random) -> Vec<String> {
    const TRADES: [&str; 12] = [
        "精密机械",
        "生物科技",
        "纸业",
        "酿酒",
        "五金制品",
        "远洋渔业",
        "文化旅游",
        "水泥",
        "服饰",
        "乳业",
        "玩具",
        "陶瓷",
    ];
    let pairs: BTreeSet<String> = all.iter().flat_map(|company| company.name.windows(2).map(text)).collect();
    let characters: Vec<char> = all
        .iter()
        .flat_map(|company| company.name.iter().copied())
        .filter(|character| ('\u{4E00}'..='\u{9FFF}').contains(character))
        .collect();
    let mut names = BTreeSet::new();
    while names.len() < 400 {
        let brand: String = [0, 1].map(|_| characters[random.below(characters.len())]).iter().collect();
        if !pairs.contains(&brand) {
            let city = &all[random.below(all.len())].city;
            names.insert(format!("{city}{brand}{}有限公司", TRADES[random.below(TRADES.len())]));
        }
    }
    names.into_iter().collect()
}

async fn first(client: &mut AccountServiceClient<Channel>, query: &str, token: &str) -> (Option<Account>, Duration) {
    let request = SearchAccountsRequest { query: query.to_owned(), ..Default::default() };
    let started = Instant::now();
    let answer = client.search_accounts(with_token(request, token)).await.unwrap().into_inner();
    (answer.results.into_iter().next().and_then(|found| found.account), started.elapsed())
}

#[tokio::test]
async fn the_right_company_comes_first_however_it_is_typed_and_nothing_comes_of_nothing() {
    let Some(shared) = shared_data() else { return };
    let shared = shared.as_path();
    let registry = Registry::start().await;
    bring(&registry, shared);
    let (all, mut random, mut client) = (read(shared), Random(1), registry.accounts());
    let (mut figures, mut times) = (BTreeMap::<&str, (u32, u32)>::new(), Vec::new());
    for company in &all {
        for (kind, query) in variants(company, &all, &mut random) {
            let (found, time) = first(&mut client, &query, &registry.token).await;
            let right = found.as_ref().is_some_and(|account| account.external_ids[0].value == company.stock_code);
            let figure = figures.entry(kind).or_default();
            *figure = (figure.0 + u32::from(right), figure.1 + 1);
            times.push(time);
            if !right {
                println!(
                    "missed: {kind}: {query} ({}): {:?}",
                    text(&company.name),
                    found.map(|account| account.legal_name)
                );
            }
        }
    }
    let (mut nothing, inventions) = (0, inventions(&all, &mut random));
    for name in &inventions {
        let (found, time) = first(&mut client, name, &registry.token).await;
        times.push(time);
        match found {
            None => nothing += 1,
            Some(account) => println!("invented: {name}: {}", account.legal_name),
        }
    }
    times.sort_unstable();
    let (right, asked) = figures.values().fold((0, 0), |sum, figure| (sum.0 + figure.0, sum.1 + figure.1));
    for (kind, (right, asked)) in figures.iter().chain([(&"all", &(right, asked))]) {
        println!("{kind}: right company first in {right} of {asked}, {:.2} %", percent(*right, *asked));
    }
    println!("invented names: nothing found for {nothing} of {}", inventions.len());
    println!("median {:?}, 99 of 100 within {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
    for (kind, (right, asked)) in figures {
        assert!(percent(right, asked) >= 95.0, "{kind}");
    }
    assert_eq!(nothing, inventions.len());
}

fn percent(part: u32, whole: u32) -> f64 {
    100.0 * f64::from(part) / f64::from(whole.max(1))
}

/// The state of a text as a credit code, in the words of the vectors.
fn credit_code_state(code: &str) -> &'static str {
    match CreditCode::parse(code) {
        Ok(_) => "ok",
        Err(CreditCodeError::Length { .. }) => "length",
        Err(CreditCodeError::Charset { .. }) => "charset",
        Err(CreditCodeError::CheckDigit { .. }) => "check_digit",
    }
}

#[test]
fn credit_codes_are_what_the_vectors_say() {
    let Some(shared) = shared_data() else { return };
    let vectors = csv::Reader::from_path(shared.join("cn-uscc/vectors.csv")).unwrap().into_records().flatten();
    let vectors: Vec<_> = vectors.map(|row| (row[0].to_owned(), row[1].to_owned())).collect();
    assert_eq!(vectors.len(), 40);
    for (code, state) in vectors {
        assert_eq!(credit_code_state(&code), state, "{code}");
    }
    let issued = csv::Reader::from_path(shared.join("cn-uscc/valid.csv")).unwrap().into_records().flatten();
    let wrong: Vec<_> = issued.filter(|row| credit_code_state(&row[0]) != "ok").collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
