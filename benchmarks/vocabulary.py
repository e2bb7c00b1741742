"""Make the vocabulary of the describer ``clip-words`` from WordNet 3.0: common names of what can be seen.

Run ``python benchmarks/vocabulary.py FOLDER``, FOLDER being WordNet's dictionary, such as ``/usr/share/wordnet`` of
Debian's package wordnet-base. It prints the words, a line each: the kind, a tab, the word. Of the nouns of the
kinds in ``KINDS`` those are kept that WordNet's tagged texts name, and short names of objects that several others
come under; one word for each meaning, the commonest. What cannot be seen, or need not be said, is left out.
Colours, patterns, materials and styles, which WordNet scatters, are written by hand below, and so is what people
wear, cars and streets.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

KINDS = {"05": "animal", "06": "object", "08": "body", "13": "food", "17": "nature", "20": "plant"}
"""Number of a lexicographer's file -> what its nouns are called here."""
ENOUGH = {"body": 3, "nature": 2}
"""Kind -> how often the tagged texts must have a word; once, where nothing is said."""
LEFT_OUT_BELOW = ("drug", "drug_of_abuse", "protozoan", "microorganism", "hormone", "nutriment", "compound")
"""Nouns whose kinds are left out, with all that comes under them."""
UNSEEN = frozenset(
    """
    abyss addition adjunct adult agent aliment alimentation alveolus amen_corner anastomosis animal antiserum anus
    area arse article artifact ass assembly asshole atom atom_bomb backside bangtail bank behind being bit bitch
    black_body black_market body body_part bosom bottom breast brothel building_complex bust capsule cervix chain
    classic clitoris cocaine cock colors commodity component concentration_camp concoction condom constituent
    contraceptive contraption contrivance copy corpse covering crack crap creation creature crotch cunt cure curio
    cytoplasm dainty device dick diet dipole dose draw dregs drug electric_chair electron element end entity
    equipment erection etcetera excrement facility feature feces feed feedlot female fencing fetus figure food
    foreskin fraction fragment gadget gallows gambling_house gas gas_chamber gear genitalia genitals ginmill gonad
    good goods groin habiliment helping heroin home_plate horror human hymen imitation impedimenta import
    import_duty industrial_plant infield ingredient innovation instrumentality interface interlayer intermixture
    ion irons item john kine leftfield limb line load loading lobe lot lsd male manifold marijuana material matter
    means mechanism megaton_bomb micelle model molecule morphine mount mucosa narcotic necessity need neutron
    neutrophil nipple nourishment nucleus object obstacle obstruction opening opium organism original outfield
    output ovary pair paper_trail paraphernalia part particle pecker penis phallus phloem piece place plant pleura
    point pollen portion position premix prick produce product production prostate protection proton pubis pussy
    queen ration rectum region release repast repertory replica representation requirement rightfield rump sample
    school_system scrotum section segment semen septum serum serving set setup sewage sham shit short shot shunt
    side slit slug sperm spore spot stock_market structure stuff subject substance surface sustenance swallow
    system teat testicle testis thing third_base tit total trade_good transit tympan unit unmentionable urine
    uterus vagina variable vascular_plant vulva way whole whorehouse womb work works xylem young
    """.split()  # noqa: SIM905
)
BY_HAND = {
    "colour": """
    black white grey red pink orange brown beige yellow green blue purple turquoise teal navy maroon crimson
    scarlet gold silver bronze cream ivory khaki olive lime mint cyan magenta violet lavender lilac peach coral
    salmon tan
    """,
    "pattern": """
    stripes|horizontal stripes|vertical stripes|diagonal stripes|polka dots|checks|tartan|herringbone|
    zigzag|chevrons|grid|lattice|honeycomb|spiral|circles|dots|waves|floral pattern|paisley|
    leopard print|camouflage|marbling|geometric pattern|mosaic pattern|brick pattern|scales|feathers|
    fringe|lace pattern|embroidery pattern|gradient|blurred background|shadow|reflection|glare|texture|
    rough surface|smooth surface|shiny surface|transparent surface|text|letters|numbers|handwriting|
    watermark|logo|signature|date stamp|barcode|frame|border|arrow|cross|star shape|heart shape|
    crescent|triangle|square|rectangle|oval|arch shape|curve|straight lines|corner|edge
    """,
    "material": """
    wood|dark wood|metal|rusty metal|chrome|brass|copper|steel|aluminium|iron|wrought iron|glass|
    stained glass|frosted glass|plastic|rubber|leather|denim|cotton|wool|silk|velvet|linen|lace|fur|
    knitwear|corduroy|tweed|satin|paper|cardboard|stone|marble|granite|slate|concrete|brick|plaster|
    stucco|ceramic|porcelain|terracotta|clay|sand|gravel|mud|asphalt|cobblestones|tiles|thatch|
    corrugated iron|bamboo|wicker|straw|ice|snow|water|smoke|foam|wax|gold leaf
    """,
    "style": """
    oil painting|watercolour|pencil drawing|ink drawing|charcoal drawing|woodcut|engraving|etching|
    lithograph|fresco|black and white photograph|colour photograph|sepia photograph|faded photograph|
    old photograph|film photograph|flash photograph|satellite photograph|aerial photograph|x-ray|
    screenshot|cartoon|comic|icon|emoji|pixel art|line art|flat illustration|3d rendering|collage|
    graffiti|poster|art deco|art nouveau|baroque|gothic|rococo|neoclassical architecture|
    modernist architecture|brutalist architecture|colonial architecture|half-timbered house|vintage|retro|
    futuristic|minimalist|ornate|rustic|industrial
    """,
    "person": """
    person|man|woman|child|baby|boy|girl|old man|old woman|crowd|couple|soldier|sailor|
    police officer|nurse|doctor|worker|farmer|athlete|dancer|musician|bride|smile|open mouth|
    closed eyes|makeup|lipstick|freckles|wrinkles|beard|full beard|moustache|sideburns|stubble|
    bald head|long hair|short hair|curly hair|wavy hair|straight hair|blond hair|dark hair|grey hair|
    red hair|bun|ponytail|braids|fringe of hair|bob haircut|afro
    """,
    "clothing": """
    hat|wide-brimmed hat|top hat|bowler hat|baseball cap|beret|fez|hood|crown|tiara|headband|turban|
    headscarf|hijab|bandana|glasses|round glasses|sunglasses|goggles|eyepatch|monocle|earrings|
    necklace|pearl necklace|brooch|bow tie|tie|scarf|shawl|high collar|lace collar|ruffled collar|
    v-neck|crew neck|turtleneck|hoodie|t-shirt|shirt|blouse|cardigan|sweater|vest|suit|tuxedo|
    military uniform|school uniform|overalls|apron|jacket|coat|fur coat|kimono|sari|gown|
    wedding dress|jeans|trousers|shorts|skirt|boots|sandals|high heels|gloves|handbag|backpack|
    umbrella|wristwatch
    """,
    "car": """
    car|vintage car|sports car|pickup truck|van|lorry|bus|double-decker bus|tram|taxi|motorcycle|
    scooter|rickshaw|headlight|round headlight|tail light|radiator grille|bumper|chrome trim|hubcap|
    spoked wheel|wooden wheel|wheel|whitewall tyre|tyre|alloy wheel|tail fin|running board|
    bonnet of a car|hood ornament|windscreen|windscreen wiper|wing mirror|car door|door handle|
    licence plate|convertible roof|spare wheel|exhaust pipe|spoiler|car seat|steering wheel
    """,
    "street": """
    street lamp|utility pole|power line|overhead wires|traffic light|fire hydrant|bollard|kerb|drain|
    manhole cover|post box|phone box|bus stop|bench|fence|picket fence|chain-link fence|barbed wire|
    stone wall|hedge|gate|guard rail|billboard|shop sign|awning|market stall|balcony|iron balcony|
    shutters|sash window|bay window|arched window|dormer window|shop window|window frame|door|
    double door|porch|column|pediment|cornice|chimney|tiled roof|flat roof|slate roof|thatched roof|
    dome|minaret|bell tower|spire|pagoda|satellite dish|water tank|solar panel|air conditioner|
    drainpipe|palm tree|bicycle rack|parked cars|garbage bin|double yellow line|white lane line
    """,
    "place": """
    street|road|pavement|crossroads|zebra crossing|road marking|traffic sign|street sign|bridge|tunnel|
    square|market|harbour|beach|coast|forest|field|meadow|desert|mountain|hill|valley|river|lake|
    sea|waterfall|sky|clouds|sunset|garden|park|village|town|city|suburb|skyline|kitchen|bedroom|
    bathroom|living room|office|classroom|library|church|mosque|temple|hospital|factory|shop|
    restaurant|bar|station|airport|stadium|swimming pool|playground|staircase
    """,
}
"""Kind -> words, parted by bars, or by blanks where there are none."""


def main() -> None:
    """Print the vocabulary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="WordNet's dictionary")
    folder = parser.parse_args().folder
    seen: set[str] = set()
    for kind, word in [*by_hand(), *from_wordnet(folder)]:
        if word not in seen:
            seen.add(word)
            print(f"{kind}\t{word}")


def by_hand() -> Iterator[tuple[str, str]]:
    """What is written above."""
    for kind, text in BY_HAND.items():
        words = text.split("|") if "|" in text else text.split()
        yield from ((kind, " ".join(word.split())) for word in words if word.split())


def from_wordnet(folder: Path) -> Iterator[tuple[str, str]]:
    """Kinds and nouns, the commonest word of each meaning."""
    counts, synsets, senses = _tag_counts(folder), _synsets(folder), _senses(folder)
    left_out = _below({senses[word][0] for word in LEFT_OUT_BELOW if word in senses}, synsets)
    chosen: dict[str, set[str]] = defaultdict(set)
    for offset, (kind, spellings, below) in synsets.items():
        if kind is None or offset in left_out:
            continue
        places = {lemma: senses[lemma].index(offset) + 1 for lemma in spellings}
        lemma = max(spellings, key=lambda one: counts.get((one, places[one]), 0))
        count, place = counts.get((lemma, places[lemma]), 0), places[lemma]
        named = spellings[lemma]
        plain = named.islower() and named.replace("_", "").isalpha() and len(named) >= 3 and named.count("_") <= 1
        needed = ENOUGH.get(kind, 1)
        has_kinds = kind == "object" and place == 1 and len(below) >= 2 and len(lemma) <= 9
        is_common = count >= (needed if place == 1 else 4 * needed) or has_kinds
        if plain and is_common and lemma not in UNSEEN and not lemma.endswith(("family", "genus", "order", "species")):
            chosen[kind].add(lemma)
    for kind, lemmas in chosen.items():
        yield from ((kind, lemma.replace("_", " ")) for lemma in sorted(lemmas))


def _below(offsets: set[str], synsets: dict[str, tuple[str | None, dict[str, str], list[str]]]) -> set[str]:
    """All that comes under some synsets, and these."""
    found, left = set(), list(offsets)
    while left:
        offset = left.pop()
        if offset not in found:
            found.add(offset)
            left += synsets[offset][2]
    return found


def _senses(folder: Path) -> dict[str, list[str]]:
    """Lemma -> the offsets of its senses, the commonest first."""
    found = {}
    for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            lemma, _, count, pointers, *rest = line.split()
            found[lemma] = rest[int(pointers) + 2 :][: int(count)]
    return found


def _tag_counts(folder: Path) -> dict[tuple[str, int], int]:
    """(lemma, sense) -> how often the tagged texts have it, of nouns."""
    found = {}
    for line in (folder / "cntlist.rev").read_text(encoding="utf-8").splitlines():
        key, number, count = line.split()
        lemma, _, rest = key.partition("%")
        if rest.startswith("1:"):
            found[lemma, int(number)] = int(count)
    return found


def _synsets(folder: Path) -> dict[str, tuple[str | None, dict[str, str], list[str]]]:
    """Offset -> kind, lemma -> spelling of each of its words, and the synsets right under it."""
    found = {}
    for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
        if line.startswith(" "):
            continue
        offset, file, _, words, *rest = line.partition("|")[0].split()
        spellings = rest[: 2 * int(words, 16) : 2]
        below = [rest[place + 1] for place, mark in enumerate(rest[:-1]) if mark == "~"]
        found[offset] = (KINDS.get(file), {one.lower(): one for one in spellings}, below)
    return found


if __name__ == "__main__":
    main()
