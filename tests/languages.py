"""A few sentences in several languages, and text in each as long as a test wants it."""

from __future__ import annotations

from itertools import cycle, islice

SENTENCES = {
    "german": (
        "Die Katze schläft auf dem großen Sofa.",
        "Übermorgen fährt der Zug nach München früher ab.",
        "Der Bäcker öffnet seine Tür um sechs Uhr.",
        "Die Kinder spielen draußen im Schnee.",
        "Wir müssen über die Brücke gehen.",
    ),
    "turkish": (
        "Iğdır ve İzmir çok güzel şehirlerdir.",
        "Işık söndü, çocuklar uyudu.",
        "İyi günler, nasılsınız?",
        "Kırmızı ışıkta durmalısınız.",
        "Çiçekler bahçede açıyor.",
    ),
    "thai": (
        "แมวนอนอยู่บนโซฟาตัวใหญ่",
        "พรุ่งนี้ฉันจะไปตลาดกับแม่",
        "เด็กเด็กกำลังเล่นอยู่ในสวน",
        "อาหารไทยอร่อยมากและเผ็ดมาก",
        "วันนี้อากาศร้อนมากจึงต้องดื่มน้ำ",
    ),
    "chinese": (
        "猫在大沙发上睡觉。",
        "明天我和妈妈去市场。",
        "孩子们在花园里玩。",
        "今天天气很热，要多喝水。",
        "中国菜很好吃。",
    ),
}


def lines(language: str, count: int = 200) -> list[str]:
    """So many lines of two sentences, in ever new pairs as far as there are any; Thai without a space anywhere."""
    own = SENTENCES[language]
    between = "" if language == "thai" else " "
    pairs = [between.join((one, other)) for one in own for other in own]
    return list(islice(cycle(pairs), count))
