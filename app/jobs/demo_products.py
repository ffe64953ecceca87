"""The demo's products: brands, part numbers and figures are made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """`price` is the list price of one; None means price on request."""

    sku: str
    name: str
    brand: str
    mpn: str
    price: str | None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoCategory:
    """A leaf of the demo's tree; attributes are (code, name, unit), in the order of a product's values."""

    parent: str
    name: str
    kind: str
    attributes: tuple[tuple[str, str, str | None], ...]
    #: A line each: SKU | name | brand | manufacturer part number | list price or - | values.
    lines: str
    warranty_months: int | None = None
    #: Sold in packs of this many.
    multiple: int = 1

    @property
    def products(self) -> list[DemoProduct]:
        return [read_product(line) for line in self.lines.strip().splitlines()]


def read_product(line: str) -> DemoProduct:
    """A product from its line."""
    sku, name, brand, mpn, price, *values = (part.strip() for part in line.split("|"))
    return DemoProduct(sku, name, brand, mpn, None if price == "-" else price, tuple(values))


CATEGORIES = (
    DemoCategory(
        "Storage",
        "Internal drives",
        "hardware_serial",
        (
            ("capacity", "Capacity", None),
            ("interface", "Interface", None),
            ("speed", "Read speed", "MB/s"),
            ("form_factor", "Form factor", None),
        ),
        """
        SSD-N2-500G | Tarnel N2 500 GB | Tarnel | TNN2-0500-R1 | 54.90 | 500 GB | PCIe 4 x4 | 4900 | M.2-2280
        SSD-N2-1T | Tarnel N2 1 TB | Tarnel | TNN2-1000-R1 | 82.50 | 1 TB | PCIe 4 x4 | 5000 | M.2-2280
        SSD-N2-2T | Tarnel N2 2 TB | Tarnel | TNN2-2000-R1 | 149.99 | 2 TB | PCIe 4 x4 | 5100 | M.2-2280
        SSD-N2-4T | Tarnel N2 4 TB | Tarnel | TNN2-4000-R1 | 289.00 | 4 TB | PCIe 4 x4 | 5100 | M.2-2280
        SSD-N3P-1T | Tarnel N3 Pro 1 TB | Tarnel | TNN3P-1000 | 119.00 | 1 TB | PCIe 5 x4 | 10200 | M.2-2280
        SSD-N3P-2T | Tarnel N3 Pro 2 TB | Tarnel | TNN3P-2000 | 198.00 | 2 TB | PCIe 5 x4 | 10400 | M.2-2280
        SSD-N3P-4T | Tarnel N3 Pro 4 TB | Tarnel | TNN3P-4000 | 379.00 | 4 TB | PCIe 5 x4 | 10400 | M.2-2280
        SSD-EK5-1T | Ostrel Ember K5 1 TB | Ostrel | OS-EK5-1T0 | 74.20 | 1 TB | PCIe 4 x4 | 3600 | M.2-2280
        SSD-EK5-2T | Ostrel Ember K5 2 TB | Ostrel | OS-EK5-2T0 | 131.40 | 2 TB | PCIe 4 x4 | 3600 | M.2-2280
        SSD-EK4-1T | Ostrel Ember K4 1 TB | Ostrel | OS-EK4-1T0 | 69.00 | 1 TB | PCIe 3 x4 | 2400 | M.2-2280
        SSD-S1-960G | Norvane S1 960 GB | Norvane | NV-S1-960E | 98.70 | 960 GB | SATA 6 Gb/s | 550 | 2.5"
        SSD-S1-1T9 | Norvane S1 1.92 TB | Norvane | NV-S1-1920E | 176.30 | 1.92 TB | SATA 6 Gb/s | 550 | 2.5"
        SSD-U8-7T6 | Norvane U8 7.68 TB | Norvane | NV-U8-7680E | - | 7.68 TB | PCIe 5 x4 | 13500 | U.2
        """,
        warranty_months=60,
        multiple=10,
    ),
    DemoCategory(
        "Storage",
        "Hard drives",
        "hardware_serial",
        (("capacity", "Capacity", None), ("speed", "Speed", "rpm"), ("cache", "Cache", "MB")),
        """
        HDD-BK-2T | Ostrel Bulwark 2 TB | Ostrel | OS-BK-2000 | 56.94 | 2 TB | 7200 | 256
        HDD-BK-4T | Ostrel Bulwark 4 TB | Ostrel | OS-BK-4000 | 84.10 | 4 TB | 5400 | 256
        HDD-BK-8T | Ostrel Bulwark 8 TB | Ostrel | OS-BK-8000 | 139.00 | 8 TB | 5400 | 256
        HDD-VT-12T | Norvane Vault 12 TB | Norvane | NV-VT-12T-N | 232.00 | 12 TB | 7200 | 512
        HDD-VT-16T | Norvane Vault 16 TB | Norvane | NV-VT-16T-N | 289.00 | 16 TB | 7200 | 512
        HDD-VT-22T | Norvane Vault 22 TB | Norvane | NV-VT-22T-N | - | 22 TB | 7200 | 512
        """,
        warranty_months=36,
        multiple=20,
    ),
    DemoCategory(
        "Storage",
        "External drives",
        "hardware_serial",
        (("capacity", "Capacity", None), ("interface", "Interface", None), ("colour", "Colour", None)),
        """
        EXT-PB-1T-BK | Pebble Go 1 TB black | Marrowby | MB-PB1-BK | 79.00 | 1 TB | USB-C 10 Gb/s | black
        EXT-PB-2T-BK | Pebble Go 2 TB black | Marrowby | MB-PB2-BK | 129.00 | 2 TB | USB-C 10 Gb/s | black
        EXT-PB-2T-SD | Pebble Go 2 TB sand | Marrowby | MB-PB2-SD | 129.00 | 2 TB | USB-C 10 Gb/s | sand
        EXT-PX-4T | Pebble Max 4 TB | Marrowby | MB-PX4 | 248.00 | 4 TB | USB4 40 Gb/s | black
        """,
        warranty_months=36,
        multiple=5,
    ),
    DemoCategory(
        "Components",
        "Memory",
        "hardware",
        (("capacity", "Capacity", None), ("type", "Type", None), ("speed", "Speed", "MT/s")),
        """
        MEM-D4-8G | Brightforge Base 8 GB DDR4 | Brightforge | BF4-08-32 | 18.60 | 8 GB | DDR4 | 3200
        MEM-D4-16G | Brightforge Base 16 GB DDR4 | Brightforge | BF4-16-32 | 31.20 | 16 GB | DDR4 | 3200
        MEM-D5-16G | Brightforge Base 16 GB DDR5 | Brightforge | BF5-16-56 | 42.80 | 16 GB | DDR5 | 5600
        MEM-D5-32G | Brightforge Base 32 GB DDR5 | Brightforge | BF5-32-56 | 79.90 | 32 GB | DDR5 | 5600
        MEM-D5-48G | Brightforge Peak 48 GB DDR5 | Brightforge | BF5P-48-64 | 138.00 | 48 GB | DDR5 | 6400
        MEM-SV-32G | Norvane Server 32 GB DDR5 RDIMM | Norvane | NV-R5-32 | 124.00 | 32 GB | DDR5 | 4800
        MEM-SV-64G | Norvane Server 64 GB DDR5 RDIMM | Norvane | NV-R5-64 | 236.00 | 64 GB | DDR5 | 4800
        MEM-SV-128G | Norvane Server 128 GB DDR5 RDIMM | Norvane | NV-R5-128 | - | 128 GB | DDR5 | 4800
        """,
        warranty_months=120,
        multiple=2,
    ),
    DemoCategory(
        "Components",
        "Power supplies",
        "hardware_serial",
        (("power", "Power", "W"), ("efficiency", "Efficiency", None), ("cabling", "Cabling", None)),
        """
        PSU-HL-550 | Corvane Hale 550 | Corvane | CV-HL550 | 64.00 | 550 | Bronze | fixed
        PSU-HL-650 | Corvane Hale 650 | Corvane | CV-HL650 | 76.00 | 650 | Gold | modular
        PSU-HL-750 | Corvane Hale 750 | Corvane | CV-HL750 | 92.00 | 750 | Gold | modular
        PSU-HL-850 | Corvane Hale 850 | Corvane | CV-HL850 | 109.00 | 850 | Gold | modular
        PSU-SM-1000 | Corvane Summit 1000 | Corvane | CV-SM1000 | 179.00 | 1000 | Platinum | modular
        PSU-SM-1300 | Corvane Summit 1300 | Corvane | CV-SM1300 | - | 1300 | Titanium | modular
        """,
        warranty_months=84,
    ),
    DemoCategory(
        "Networking",
        "Switches",
        "hardware_serial",
        (("ports", "Ports", None), ("speed", "Port speed", None), ("poe", "PoE budget", "W")),
        """
        SW-LN-8 | Kessock Lane 8 | Kessock | KS-L8 | 49.00 | 8 | 1 Gb/s | 0
        SW-LN-8P | Kessock Lane 8 PoE | Kessock | KS-L8-P65 | 109.00 | 8 | 1 Gb/s | 65
        SW-LN-24 | Kessock Lane 24 | Kessock | KS-L24 | 189.00 | 24 | 1 Gb/s | 0
        SW-LN-24P | Kessock Lane 24 PoE | Kessock | KS-L24-P250 | 389.00 | 24 | 1 Gb/s | 250
        SW-AV-24X | Kessock Avenue 24X | Kessock | KS-A24X | 948.00 | 24 | 10 Gb/s | 0
        SW-AV-48X | Kessock Avenue 48X | Kessock | KS-A48X | - | 48 | 25 Gb/s | 0
        """,
        warranty_months=60,
    ),
    DemoCategory(
        "Networking",
        "Access points",
        "hardware_serial",
        (("standard", "Standard", None), ("speed", "Speed", "Mb/s"), ("mounting", "Mounting", None)),
        """
        AP-GL-6 | Kessock Glen 6 | Kessock | KS-G6 | 129.00 | Wi-Fi 6 | 3000 | ceiling
        AP-GL-6W | Kessock Glen 6 wall | Kessock | KS-G6-W | 119.00 | Wi-Fi 6 | 3000 | wall
        AP-GL-7 | Kessock Glen 7 | Kessock | KS-G7 | 219.00 | Wi-Fi 7 | 9300 | ceiling
        AP-GL-7X | Kessock Glen 7 outdoor | Kessock | KS-G7-X | 349.00 | Wi-Fi 7 | 9300 | mast
        AP-GL-8 | Kessock Glen 8 | Kessock | KS-G8 | - | Wi-Fi 8 | 11500 | ceiling
        """,
        warranty_months=60,
    ),
    DemoCategory(
        "Peripherals",
        "Keyboards and mice",
        "hardware",
        (("connection", "Connection", None), ("layout", "Layout", None), ("colour", "Colour", None)),
        """
        KB-RV-US | Reverie keyboard US | Marrowby | MB-RV-US | 39.00 | wireless | US | graphite
        KB-RV-UK | Reverie keyboard UK | Marrowby | MB-RV-UK | 39.00 | wireless | UK | graphite
        KB-RV-DE | Reverie keyboard DE | Marrowby | MB-RV-DE | 39.00 | wireless | DE | graphite
        KB-OF-US | Office 104 keyboard US | Marrowby | MB-OF-US | 14.90 | USB | US | black
        MS-RV | Reverie mouse | Marrowby | MB-RV-M | 24.00 | wireless | any | graphite
        MS-OF | Office mouse | Marrowby | MB-OF-M | 7.90 | USB | any | black
        """,
        warranty_months=24,
        multiple=5,
    ),
    DemoCategory(
        "Peripherals",
        "Monitors",
        "hardware_serial",
        (("size", "Size", "in"), ("resolution", "Resolution", None), ("refresh", "Refresh rate", "Hz")),
        """
        MON-VL-24 | Veldtline V24 | Veldtline | VL-V24-F | 139.00 | 23.8 | 1920 x 1080 | 75
        MON-VL-27 | Veldtline V27 | Veldtline | VL-V27-Q | 219.00 | 27 | 2560 x 1440 | 75
        MON-VL-27U | Veldtline V27U | Veldtline | VL-V27-U | 329.00 | 27 | 3840 x 2160 | 60
        MON-VL-34W | Veldtline W34 | Veldtline | VL-W34 | 449.00 | 34 | 3440 x 1440 | 100
        MON-VL-40W | Veldtline W40 | Veldtline | VL-W40 | 899.00 | 40 | 5120 x 2160 | 75
        """,
        warranty_months=36,
    ),
    DemoCategory(
        "Peripherals",
        "Docks",
        "hardware_serial",
        (("interface", "Interface", None), ("displays", "Displays", None), ("power", "Charging", "W")),
        """
        DOK-HB-1 | Harbour One dock | Marrowby | MB-HB1 | 119.00 | USB-C | 2 | 65
        DOK-HB-2 | Harbour Two dock | Marrowby | MB-HB2 | 189.00 | USB4 | 3 | 100
        DOK-HB-M | Harbour Mini | Marrowby | MB-HBM | 49.00 | USB-C | 1 | 60
        """,
        warranty_months=24,
    ),
    DemoCategory(
        "Services",
        "Installation and support",
        "service",
        (("unit", "Charged by", None),),
        """
        SVC-IMG | Imaging of a drive before delivery | Larkspur | LS-IMG | 12.50 | drive
        SVC-RACK | Rack installation | Larkspur | LS-RACK | 340.00 | visit
        SVC-SURVEY | Wireless site survey | Larkspur | LS-SURVEY | - | site
        """,
    ),
    DemoCategory(
        "Services",
        "Extended warranty",
        "extended_warranty",
        (("term", "Term", "months"), ("cover", "Cover", None)),
        """
        WTY-24-NBD | Warranty 24 months, next day | Larkspur | LS-W24N | 29.00 | 24 | next day
        WTY-36-NBD | Warranty 36 months, next day | Larkspur | LS-W36N | 45.00 | 36 | next day
        WTY-36-4H | Warranty 36 months, 4 hours | Larkspur | LS-W36H | - | 36 | 4 hours
        """,
    ),
)

#: Columns of single products that differ from their category's.
DIFFERENT: dict[str, dict[str, Any]] = {
    "SSD-EK4-1T": {"life_cycle": "ended"},
    "SSD-N2-500G": {"life_cycle": "last_orders"},
    "AP-GL-8": {"life_cycle": "announced"},
    "SSD-N3P-2T": {"max_quantity": 500},
    "MON-VL-40W": {"is_backorderable": False},
    "PSU-HL-850": {"min_quantity": 4, "multiple": 2},
    "SVC-IMG": {"unit": "drive"},
    "SVC-RACK": {"unit": "visit"},
}
SUCCESSORS = {"SSD-EK4-1T": "SSD-EK5-1T"}

#: Parts are (SKU, quantity, required).
BUNDLE_CATEGORY = "Docks"
BUNDLE = DemoProduct(
    "SET-DESK-24", "Desk set with dock, monitor and keyboard", "Marrowby", "MB-SET24", "279.00"
)
BUNDLE_PARTS = (
    ("DOK-HB-1", 1, True),
    ("MON-VL-24", 1, True),
    ("KB-RV-US", 1, True),
    ("MS-RV", 1, False),
)

#: SKU, number, superseded or alternative.
CROSS_REFERENCES = (
    ("SSD-N2-2T", "TNN2-2000-R0", "superseded"),
    ("SSD-N2-1T", "TNN2-1000-R0", "superseded"),
    ("SSD-EK5-1T", "OS-EK4-1T0", "superseded"),
    ("SW-LN-24P", "KSL24P250-EU", "alternative"),
    ("HDD-BK-2T", "BULWARK-2000", "alternative"),
)

#: Kettle & Byte's own numbers.
OWN_NUMBERS = (
    ("SSD-N2-2T", "KB-10021"),
    ("SSD-N2-1T", "KB-10020"),
    ("MEM-D5-32G", "KB-20032"),
    ("SW-LN-24P", "KB-40024"),
    ("DOK-HB-1", "KB-70001"),
)

#: Kettle & Byte's own agreement: SKU -> steps.
COMPANY_PRICES = {
    "SSD-N2-2T": ((10, "127.49"), (50, "121.90"), (100, "118.40")),
    "SSD-N2-1T": ((10, "69.80"), (50, "66.40")),
    "SSD-N3P-2T": ((10, "171.00"),),
    "MEM-D5-32G": ((2, "66.90"), (40, "63.50")),
    "SW-LN-24P": ((1, "329.00"), (10, "315.00")),
    "MON-VL-27": ((1, "182.00"), (20, "176.50")),
    "HDD-VT-22T": ((20, "398.00"),),
}
#: The same company's branch in Lidham.
BRANCH_PRICES = {"SSD-N2-2T": ((10, "124.90"),), "AP-GL-7": ((1, "185.00"), (5, "179.00"))}
