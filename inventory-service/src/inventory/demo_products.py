"""
The sixty products of the demo: six categories of ten, ``TEST-001`` to ``TEST-060`` in this order.

Prices of the same products are the pricing service's. A few are low, and two are sold out, so that
a storefront has something to show for these cases too.
"""

from dataclasses import dataclass
from typing import Final

#: One line a product: its name, the units in stock, its description.
_SHELVES: Final = {
    "electronics": """
Aurora Wireless Earbuds | 140 | Small earbuds that block out the train and last a working day with their case.
Meridian 27" Monitor | 35 | A 27-inch 4K screen with true colours. One USB-C cable brings picture and power.
Tempo Mechanical Keyboard | 80 | Quiet tactile switches in an aluminium frame, with a compact layout.
Drift Wireless Mouse | 210 | Shaped for either hand, precise on glass, and charged once in two months.
Beacon Smart Speaker | 95 | A room-filling speaker with a fabric cover and a switch that truly cuts the microphone.
Pocket Power Bank 20k | 300 | 20,000 mAh in the size of a phone. Charges a laptop at 65 watts.
Lumen E-Reader | 60 | A six-inch paper-like screen with a warm light. Reads in the sun and in the bath.
Orbit Action Camera | 4 | Steady 4K video on bike and board, waterproof to ten metres without a case.
Relay USB-C Hub | 180 | Seven ports in one slim bar: HDMI, card reader, network, and power passed through.
Halo Webcam | 0 | A sharp 1080p webcam with a privacy shutter and a microphone that hears you, not the fan.
""",
    "home": """
Ember Gooseneck Kettle | 75 | Pours as slowly as good coffee asks for, and holds the temperature you set.
Cast Iron Skillet 26 cm | 110 | Pre-seasoned and made for a lifetime, from the hob straight into the oven.
Linen Bedding Set | 45 | Stonewashed European linen for a double bed: one cover and two pillowcases.
Oak Cutting Board | 160 | End-grain oak with a groove for the juice. Oiled once, and ready to be used.
Stoneware Mug, Set of 4 | 220 | Hand-glazed mugs of 350 ml, each a little different. They love the dishwasher.
Chef's Knife 20 cm | 3 | A forged blade with a walnut handle that stays sharp through a winter of soups.
Glass Storage Jars, Set of 6 | 130 | Airtight jars with bamboo lids, in three sizes that stack.
Arc Floor Lamp | 28 | A slender brass arc with a linen shade. Dims to candlelight by a foot switch.
French Press 1 l | 150 | Double-walled steel keeps eight cups of coffee hot for an hour.
Wool Throw Blanket | 65 | Soft lambswool in a herringbone weave, large enough for two on the sofa.
""",
    "books": """
The Quiet Harbour | 90 | A lighthouse keeper finds letters that were never sent. A novel about waiting.
A Field Guide to City Birds | 120 | Two hundred birds you can meet without leaving town, painted by hand.
Bread in Seven Days | 75 | One starter, seven loaves, and all the reasons why. For patient beginners.
The Cartographer's Daughter | 55 | Maps, smugglers and a secret valley in an adventure for long evenings.
Small Spaces, Big Rooms | 40 | An architect shows forty tiny flats and the ideas that made them feel large.
Mathematics for the Curious | 85 | From knots to infinity in twenty short walks, with no formula left unexplained.
Night Train to Trieste | 5 | A detective, a missing violin and eleven passengers who all tell the truth.
The Year-Round Garden | 100 | What to sow, cut and leave alone, month by month, with plans for six small plots.
Letters from the Ice | 30 | The diary of a polar cook, funny and freezing, with nineteen recipes.
Learn to Draw in 30 Walks | 140 | A pencil, a path and half an hour: thirty exercises that begin at your door.
""",
    "clothing": """
Organic Cotton T-Shirt | 480 | Heavy, soft and cut straight. Made of organic cotton that keeps its shape.
Merino Crew Sweater | 85 | Fine merino wool, warm in winter and cool in spring. Does not itch.
Rain Jacket Fjord | 60 | Sealed seams and a hood that turns with your head. Packs into its own pocket.
Selvedge Denim Jeans | 95 | Straight jeans of raw Japanese denim that will look like yours in half a year.
Canvas Sneakers | 130 | Simple low shoes of thick canvas with natural rubber soles.
Wool Beanie | 240 | A ribbed beanie of recycled wool, in six colours that go with any coat.
Leather Belt | 105 | Vegetable-tanned leather with a solid brass buckle. Gets better with the years.
Flannel Shirt | 2 | Brushed on both sides and checked in forest colours, with real horn buttons.
Trail Socks, 3 Pairs | 320 | Merino socks, padded where boots press, and guaranteed against holes.
Down Vest Ridge | 38 | Light recycled down for cold mornings, thin enough to wear under a jacket.
""",
    "sports": """
Yoga Mat Terra | 170 | Five millimetres of natural rubber that grips when hands get warm.
Adjustable Dumbbell 24 kg | 26 | Fifteen weights in one: turn the handle, lift, and train on.
Trail Running Backpack 12 l | 70 | Sits still on the descent. With two soft bottles and a pocket for poles.
Jump Rope Pro | 260 | A coated steel rope on ball bearings, cut to your length in a minute.
Carbon Hiking Poles | 55 | A pair at 390 grams that folds to the length of a baguette, with cork grips.
Insulated Bottle 750 ml | 400 | Cold for a day, hot for half of one, and it does not leak in the bag.
Climbing Chalk Bag | 115 | Stays open when needed and shut when not, with a brush loop and a belt.
Road Bike Helmet | 1 | Ventilated and light, with a shell that turns the force of a fall aside.
Resistance Bands, Set of 5 | 290 | Five strengths from rehab to pull-ups in a bag that fits into a shoe.
Swim Goggles Current | 0 | Clear in any pool and soft around the eyes. The coating stays fog-free all season.
""",
    "toys": """
Wooden Train Set | 64 | Forty-two pieces of beech with a bridge, a station and a train that climbs.
Building Blocks, 100 Pieces | 150 | Maple blocks in true proportions, so that towers stand until they should not.
Plush Bear Otto | 190 | A soft bear with a serious face, washable at thirty degrees.
Star Projector | 42 | Turns a bedroom ceiling into the northern sky, and switches itself off.
Junior Telescope 70 mm | 18 | Shows Saturn's rings and the Moon's craters. With a tripod and a star map.
Garden Hand Tools, Set of 3 | 110 | Trowel, fork and weeder of stainless steel with ash handles.
Raised Bed Planter | 33 | Larch boards that click together without tools, for herbs on a balcony.
Kite Swift | 125 | A delta kite that flies in the lightest wind, with fifty metres of line.
Cooperative Board Game: Tide | 77 | Two to five players save an island together. Forty minutes, from eight years.
Herb Seeds, 12 Sorts | 350 | Twelve kitchen herbs from basil to thyme. Open-pollinated, and enough for three years.
""",
}


@dataclass(frozen=True, slots=True)
class DemoProduct:
    """
    A product as the demo begins with it; ``stock`` in units.
    """

    id: str
    name: str
    description: str
    category: str
    stock: int


def _demo_products() -> tuple[DemoProduct, ...]:
    lines = [
        (category, *(part.strip() for part in line.split("|")))
        for category, shelf in _SHELVES.items()
        for line in shelf.strip().splitlines()
    ]
    return tuple(
        DemoProduct(f"TEST-{number:03}", name, description, category, int(stock))
        for number, (category, name, stock, description) in enumerate(lines, start=1)
    )


DEMO_PRODUCTS: Final = _demo_products()
