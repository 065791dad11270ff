#!/usr/bin/env python3
"""Makes the tables that `guanxi import` needs beside the companies of the Shenzhen exchange.

    prepare.py SHARED_DATA OUT

SHARED_DATA holds cn-divisions/ and cn-companies/. OUT gets territories.csv, places.csv and the two maps.
README.md beside this file says what becomes of which division.
"""

import csv
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).parent
ROOT = ("CN", "中国", "HEADQUARTERS", "")
#: Cities of the statistics bureau that no map has: they only gather the counties of a municipality or of a province.
GATHERING = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
DIRECT = "直辖县级行政区划"


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def six(code):
    """The six digits of GB/T 2260."""
    return code.ljust(6, "0")


def tree(provinces, cities, counties):
    """The rows of territories.csv, parents first."""
    rows = [ROOT]
    rows += [(six(row["code"]), row["name"], "PROVINCE", ROOT[0]) for row in provinces]
    real = {row["code"] for row in cities if row["name"] not in GATHERING}
    rows += [(six(row["code"]), row["name"], "CITY", six(row["provinceCode"])) for row in cities if row["code"] in real]
    known = {row[0] for row in rows}
    for row in counties:
        # 东莞, 中山 and 儋州 have no counties; the bureau repeats the city under its own code.
        if row["code"] not in known:
            parent = row["cityCode"] if row["cityCode"] in real else row["provinceCode"]
            rows.append((row["code"], row["name"], "COUNTY", six(parent)))
    return rows


def county_of(address, province, counties):
    """The one county right under the province that the address names after it, with or without its last character."""
    place = address.removeprefix(province)
    fits = [code for code, name in counties if place.startswith(name) or place.startswith(name[:-1]) and len(name) > 2]
    return fits[0] if len(fits) == 1 else None


def places(rows, companies):
    """The rows of places.csv: cities and municipalities by name; by address the companies whose city only gathers counties."""
    code_of_province = {name: code for code, name, level, _ in rows if level == "PROVINCE"}
    below = {}
    for code, name, level, parent in rows:
        if level == "COUNTY":
            below.setdefault(parent, []).append((code, name))
    found = {name: code for code, name, level, _ in rows if level == "CITY"}
    # Without cities between itself and its counties a province is a municipality.
    with_cities = {parent for _, _, level, parent in rows if level == "CITY"}
    found |= {name: code for name, code in code_of_province.items() if code not in with_cities}
    for company in companies:
        if company["city"].endswith(DIRECT):
            province = company["city"].removesuffix(DIRECT)
            counties = below.get(code_of_province.get(province), [])
            code = county_of(company["registered_address"], province, counties)
            if code:
                found[company["registered_address"]] = code
            else:
                print(f"  {company['stock_code']} {company['name_zh']}: the address does not tell the county; it will be rejected")
    return sorted(found.items(), key=lambda place: place[1])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    shared, out = map(pathlib.Path, sys.argv[1:])
    out.mkdir(parents=True, exist_ok=True)
    divisions = shared / "cn-divisions"
    provinces, cities, counties = (read(divisions / name) for name in ("provinces.csv", "cities.csv", "areas.csv"))
    rows = tree(provinces, cities, counties)
    write(out / "territories.csv", ("code", "name", "level", "parent_code"), rows)
    companies = read(next((shared / "cn-companies").glob("szse-a-shares-*.csv")))
    found = places(rows, companies)
    write(out / "places.csv", ("place", "territory_code"), found)
    for name in ("territories.toml", "companies.toml"):
        shutil.copyfile(HERE / name, out / name)
    counts = {level: sum(row[2] == level for row in rows) for level in ("PROVINCE", "CITY", "COUNTY")}
    print(f"territories.csv: {len(rows)} rows: CN, {counts['PROVINCE']} of {len(provinces)} provinces, {counts['CITY']} of "
          f"{len(cities)} cities, {counts['COUNTY']} of {len(counties)} counties")
    print(f"places.csv: {len(found)} places")


if __name__ == "__main__":
    main()
