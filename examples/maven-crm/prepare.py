#!/usr/bin/env python3
"""Makes the tables that `guanxi` needs beside those of the Maven CRM data.

    prepare.py SHARED_DATA OUT

SHARED_DATA holds maven-crm/. OUT gets territories.csv, agents.csv, managers.jsonl and the maps.
"""

import csv
import json
import pathlib
import shutil
import sys
import uuid

HERE = pathlib.Path(__file__).parent
HEAD_OFFICE = "MAVEN"


def code(name):
    return HEAD_OFFICE + "_" + name.upper()


def employee_number(name):
    """`mei-mei.johns` of Mei-Mei Johns: the same in every run."""
    return name.lower().replace(" ", ".")


def team(manager):
    """The code of a team is the surname of who leads it."""
    return code(manager.split()[-1])


def tree(agents):
    """The rows of territories.csv: head office, regions, teams."""
    yield HEAD_OFFICE, "Maven 总部", "Maven head office", "HEADQUARTERS", ""
    for region in sorted({agent["regional_office"] for agent in agents}):
        yield code(region), f"{region} 大区", f"{region} region", "PROVINCE", HEAD_OFFICE
    for manager, region in sorted({(agent["manager"], agent["regional_office"]) for agent in agents}):
        yield team(manager), f"{manager} 团队", f"Team of {manager}", "CITY", code(region)


def manager(agent):
    """The request that registers an agent; sent again it is the same one."""
    number = employee_number(agent["sales_agent"])
    return {
        "requestId": str(uuid.uuid5(uuid.NAMESPACE_URL, "maven-crm/" + number)),
        "accountManager": {
            "employeeNumber": number,
            "name": agent["sales_agent"],
            "territoryCode": team(agent["manager"]),
            "channel": "ACCOUNT_MANAGER_CHANNEL_FIELD",
        },
    }


def write(path, header, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(shared, out):
    out.mkdir(parents=True, exist_ok=True)
    with open(shared / "maven-crm/sales_teams.csv", encoding="utf-8", newline="") as file:
        agents = list(csv.DictReader(file))
    write(out / "territories.csv", ("code", "name.zh", "name.en", "level", "parent_code"), tree(agents))
    numbers = ((agent["sales_agent"], employee_number(agent["sales_agent"])) for agent in agents)
    write(out / "agents.csv", ("sales_agent", "employee_number"), numbers)
    lines = (json.dumps(manager(agent), ensure_ascii=False) + "\n" for agent in agents)
    (out / "managers.jsonl").write_text("".join(lines), encoding="utf-8")
    # Lookups of a map lie beside it.
    for name in ("accounts.toml", "products.toml", "opportunities.toml"):
        shutil.copy(HERE / name, out / name)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: prepare.py SHARED_DATA OUT")
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
