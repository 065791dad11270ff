"""An independent reckoning of quotes, on Python's decimal: shares no code with product-catalog, only the words of its protos.

Reads one catalog a line with its quotes, reckons each anew and compares everything but the texts for people.
"""

import json
import sys
from decimal import Decimal, ROUND_HALF_UP, getcontext

getcontext().prec = 80
KINDS = ["CHARGE_KIND_ONE_TIME", "CHARGE_KIND_MONTHLY", "CHARGE_KIND_YEARLY", "CHARGE_KIND_USAGE"]
LEVELS = ["AUTHORITY_LEVEL_" + name for name in ("MANAGER", "COUNTY", "CITY", "PROVINCE", "HEADQUARTERS")]
LARGEST = Decimal(999_999_999_999)
CENT = Decimal("0.01")


def cents(number):
    return number.quantize(CENT, ROUND_HALF_UP)


def whole(text):
    return int(text or 0)


def in_force(thing, day):
    begin, end = thing.get("validFromDate", ""), thing.get("validToDate", "")
    return (not begin or begin <= day) and (not end or day < end)


def reckon_list(price, count, members):
    """The list amount before rounding, or the reason why there is none."""
    model = price["model"][len("PRICE_MODEL_"):]
    if model == "FLAT":
        total = Decimal(price["amount"])
    elif model == "PER_UNIT":
        total = Decimal(price["amount"]) * count
    elif model == "PER_MEMBER":
        total = Decimal(price["amount"]) * count * members
    else:
        rows = [(whole(t.get("fromQuantity")), whole(t.get("toQuantity")), Decimal(t["amount"])) for t in price["tiers"]]
        inside = [r for r in rows if r[0] <= count and (r[1] == 0 or count <= r[1])]
        if not inside:
            return "QUANTITY_OUTSIDE_TIERS"
        if model == "STAIRSTEP":
            total = inside[0][2]
        elif model == "VOLUME":
            total = inside[0][2] * count
        else:
            total = Decimal(0)
            for low, high, rate in rows:
                high = count if high == 0 else min(high, count)
                if high >= low:
                    total += rate * (high - low + 1)
    return "AMOUNT_TOO_LARGE" if total > LARGEST else total


def base(price, count, members):
    model = price["model"][len("PRICE_MODEL_"):]
    return {"FLAT": 1, "STAIRSTEP": 1, "PER_MEMBER": count * members}.get(model, count)


def best(price, cause, holds):
    shares = [Decimal(r["percent"]) for r in price.get("reductions", [])
              if r["cause"] == "REDUCTION_CAUSE_" + cause and holds(r)]
    return max(shares, default=Decimal(0))


def reckon_charge(kind, price, line, profile, bundle):
    count = whole(line.get("usageQuantity")) if kind == "CHARGE_KIND_USAGE" else whole(line["quantity"])
    members = whole(profile.get("memberCount"))
    if price["currencyCode"] != "CNY":
        return "CURRENCY_DIFFERS"
    if count == 0:
        return "USAGE_MISSING"
    listed = reckon_list(price, count, members)
    if isinstance(listed, str):
        return listed
    listed = cents(listed)
    steps = [
        ("TIER", best(price, "TIER", lambda r: r.get("tier") == profile.get("tier")), price["id"]),
        ("TERM", best(price, "TERM", lambda r: r["minTermMonths"] <= line.get("termMonths", 0)), price["id"]),
        ("VOLUME", best(price, "VOLUME", lambda r: whole(r["minQuantity"]) <= whole(line["quantity"])), price["id"]),
        ("BUNDLE", Decimal(bundle["discountPercent"]) if bundle else Decimal(0), line.get("bundleCode", "")),
        ("MANUAL", Decimal(line.get("manualDiscountPercent") or 0), ""),
    ]
    left, taken = listed, []
    for cause, percent, source in steps:
        if percent == 0:
            continue
        off = cents(left * percent / 100)
        left -= off
        taken.append(("ADJUSTMENT_CAUSE_" + cause, percent, off, source))
    units = base(price, count, members)
    cost = cents(Decimal(price["costAmount"]) * units) if price.get("costAmount") else None
    floor = cents(Decimal(price["floorAmount"]) * units) if price.get("floorAmount") else None
    return {"kind": kind, "id": price["id"], "list": listed, "taken": taken, "net": left, "cost": cost, "floor": floor}


def margin(net, cost):
    return None if cost is None or net == 0 else cents((net - cost) / net * 100)


class Catalog:
    def __init__(self, data):
        self.above = {c["code"]: c.get("parentCode", "") for c in data["categories"]}
        self.policies = {p.get("categoryCode", ""): p["authorities"] for p in data["policies"]}
        self.bundles = {b["code"]: b for b in data["bundles"] if b["state"] == "BUNDLE_STATE_PUBLISHED"}
        self.offerings, self.prices = {}, {}
        for o in data["offerings"]:
            if o["state"] != "OFFERING_STATE_DRAFT":
                self.offerings.setdefault(o["code"], []).append(o)
        for p in data["prices"]:
            self.prices.setdefault((p["offeringCode"], p["chargeKind"]), []).append(p)

    def sold(self, code, day):
        known = self.offerings.get(code, [])
        if not known:
            return None, ("OFFERING_UNKNOWN", code)
        public = [o for o in known if o["state"] == "OFFERING_STATE_PUBLISHED"]
        if not public:
            return None, ("OFFERING_RETIRED", code)
        today = [o for o in public if in_force(o, day)]
        if not today:
            return None, ("OFFERING_NOT_VALID", day)
        return max(today, key=lambda o: o["versionNumber"]), None

    def policy_of(self, category):
        while category and category not in self.policies:
            category = self.above.get(category, "")
        return self.policies[category]

    def level(self, offering, line, charges):
        discount, need = Decimal(line.get("manualDiscountPercent") or 0), 0
        for category in offering["categoryCodes"]:
            by_level = {a["level"]: a for a in self.policy_of(category)}
            for rank, level in enumerate(LEVELS):
                least = by_level[level].get("minMarginPercent")
                enough = all(least is None or c["cost"] is None or (c["net"] - c["cost"]) * 100 >= Decimal(least) * c["net"]
                             for c in charges)
                if discount <= Decimal(by_level[level]["maxDiscountPercent"]) and enough:
                    need = max(need, rank)
                    break
            else:
                return None
        return LEVELS[need]


def fits(bundle, code, lines):
    """Code of the first part of a bundle that the lines get wrong."""
    for part in bundle["components"]:
        counts = [whole(l["quantity"]) for l in lines
                  if l.get("bundleCode") == code and l["offeringCode"] == part["offeringCode"]]
        low, high = whole(part.get("minQuantity")), whole(part.get("maxQuantity"))
        if len(counts) > 1 or (not counts and low > 0):
            return part["offeringCode"]
        if counts and (counts[0] < low or (high and counts[0] > high)):
            return part["offeringCode"]
    return None


def eligible(offering, profile, path, lines):
    wrong = []
    places = offering.get("availableTerritoryCodes", [])
    if places and not set(places) & set(path.split("/")):
        wrong.append(("NOT_AVAILABLE_HERE", ""))
    who, held = offering.get("eligibility", {}), profile.get("heldOfferingCodes", [])
    members, industry = whole(profile.get("memberCount")), profile.get("industryCode", "")
    if who.get("tiers") and profile.get("tier") not in who["tiers"]:
        wrong.append(("NOT_ELIGIBLE", "tier"))
    if who.get("valueClasses") and profile.get("valueClass") not in who["valueClasses"]:
        wrong.append(("NOT_ELIGIBLE", "value_class"))
    if who.get("industryCodes") and not industry.startswith(tuple(who["industryCodes"])):
        wrong.append(("NOT_ELIGIBLE", "industry_code"))
    if members < whole(who.get("minMemberCount")) or 0 < whole(who.get("maxMemberCount")) < members:
        wrong.append(("NOT_ELIGIBLE", "member_count"))
    if set(who.get("heldOfferingCodes", [])) - set(held):
        wrong.append(("NOT_ELIGIBLE", "held_offering_codes"))
    if set(who.get("lackingOfferingCodes", [])) & set(held):
        wrong.append(("NOT_ELIGIBLE", "lacking_offering_codes"))
    if who.get("accountIds") and profile.get("accountId", "") not in who["accountIds"]:
        wrong.append(("NOT_ELIGIBLE", "account_ids"))
    present = set(held) | {l["offeringCode"] for l in lines}
    wrong += [("PREREQUISITE_MISSING", c) for c in offering.get("prerequisiteOfferingCodes", []) if c not in present]
    wrong += [("EXCLUDED", c) for c in offering.get("excludedOfferingCodes", []) if c in present]
    return wrong


def plain(number):
    return format(number.normalize(), "f")


def reckon_line(catalog, request, path, line):
    day, profile = request["date"], request["profile"]
    offering, refused = catalog.sold(line["offeringCode"], day)
    if refused:
        return {"refusals": [refused], "charges": [], "version": 0, "level": None}
    wrong = eligible(offering, profile, path, request["lines"])
    bundle, code = None, line.get("bundleCode", "")
    if code:
        bundle = catalog.bundles.get(code)
        if bundle is None or not in_force(bundle, day):
            bundle = None
            wrong.append(("BUNDLE_UNKNOWN", code))
        elif line["offeringCode"] not in [part["offeringCode"] for part in bundle["components"]]:
            wrong.append(("BUNDLE_INCOMPLETE", line["offeringCode"]))
        else:
            part = fits(bundle, code, request["lines"])
            if part:
                wrong.append(("BUNDLE_INCOMPLETE", part))
    charges, priced = [], False
    for kind in KINDS:
        for price in catalog.prices.get((line["offeringCode"], kind), []):
            if not in_force(price, day):
                continue
            priced = True
            charge = reckon_charge(kind, price, line, profile, bundle)
            if isinstance(charge, str):
                wrong.append((charge, None))
                continue
            charges.append(charge)
            if charge["floor"] is not None and charge["net"] < charge["floor"]:
                wrong.append(("BELOW_FLOOR", plain(charge["floor"])))
    if not priced:
        wrong.append(("PRICE_MISSING", day))
    level = catalog.level(offering, line, charges)
    if level is None:
        wrong.append(("ABOVE_EVERY_AUTHORITY", plain(Decimal(line.get("manualDiscountPercent") or 0))))
    return {"refusals": wrong, "charges": charges, "version": offering["versionNumber"], "level": None if wrong else level}


def amount(money):
    return None if money is None else Decimal(money["amount"])


def percent(text):
    return None if not text else Decimal(text)


def same_line(mine, theirs):
    refusals = theirs.get("refusals", [])
    if sorted(r for r, _ in mine["refusals"]) != sorted(r["reason"] for r in refusals):
        return False
    values = {(r["reason"], r.get("value", "")) for r in refusals}
    if any(value is not None and (reason, value) not in values for reason, value in mine["refusals"]):
        return False
    if theirs.get("versionNumber", 0) != mine["version"] or theirs.get("requiredLevel") != mine["level"]:
        return False
    if theirs.get("allowed", False) == bool(refusals):
        return False
    charges = [
        (c["chargeKind"], c["priceId"], amount(c["listAmount"]), amount(c["netAmount"]), amount(c.get("costAmount")),
         amount(c.get("floorAmount")), percent(c.get("marginPercent")),
         [(a["cause"], Decimal(a["percent"]), amount(a["amount"]), a.get("source", "")) for a in c.get("adjustments", [])])
        for c in theirs.get("charges", [])]
    return charges == [
        (c["kind"], c["id"], c["list"], c["net"], c["cost"], c["floor"], margin(c["net"], c["cost"]), c["taken"])
        for c in mine["charges"]]


def same(mine, theirs):
    if len(mine) != len(theirs["lines"]) or not all(map(same_line, mine, theirs["lines"])):
        return False
    sums = []
    for kind in KINDS:
        of_kind = [c for line in mine if not line["refusals"] for c in line["charges"] if c["kind"] == kind]
        if of_kind:
            net = sum(c["net"] for c in of_kind)
            cost = None if any(c["cost"] is None for c in of_kind) else sum(c["cost"] for c in of_kind)
            sums.append((kind, sum(c["list"] for c in of_kind), net, cost, margin(net, cost)))
    totals = [(t["chargeKind"], amount(t["listAmount"]), amount(t["netAmount"]), amount(t.get("costAmount")),
               percent(t.get("marginPercent"))) for t in theirs.get("totals", [])]
    allowed = not any(line["refusals"] for line in mine)
    level = max((line["level"] for line in mine), key=LEVELS.index) if allowed else None
    return totals == sums and theirs.get("allowed", False) == allowed and theirs.get("requiredLevel") == level


def main():
    count = differ = 0
    for text in sys.stdin:
        data = json.loads(text)
        catalog = Catalog(data)
        for quote in data["quotes"]:
            request = quote["request"]
            mine = [reckon_line(catalog, request, quote["path"], line) for line in request["lines"]]
            count += 1
            if not same(mine, quote["response"]):
                differ += 1
                if differ <= 3:
                    print("differs:", json.dumps(quote, ensure_ascii=False), mine, file=sys.stderr)
    print(f"{count} quotes, {differ} differ")


if __name__ == "__main__":
    main()
