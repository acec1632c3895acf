//! Text that looks like text: words in sentences, other ones for every seed.

const WORDS: [&str; 64] = [
    "river", "gauge", "station", "water", "level", "battery", "winter", "bridge", "valley", "storm",
    "sensor", "radar", "signal", "cable", "anchor", "basin", "current", "delta", "estuary", "flood",
    "glacier", "harbour", "island", "journal", "kettle", "ladder", "meadow", "north", "orchard", "pebble",
    "quarry", "rapids", "sluice", "tide", "upland", "vessel", "weir", "yarrow", "zenith", "autumn",
    "barrier", "channel", "drought", "engine", "fathom", "gravel", "horizon", "inlet", "jetty", "keel",
    "lagoon", "mooring", "narrows", "outfall", "pier", "ravine", "silt", "torrent", "umbra", "vortex",
    "wharf", "yield", "zone", "marsh",
];

/// A sentence of fourteen words.
pub(crate) fn sentence(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
    let words = (0..14).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        WORDS[usize::try_from(state >> 58).unwrap()]
    });
    let text = words.collect::<Vec<_>>().join(" ");
    format!("{}{}.", text[..1].to_uppercase(), &text[1..])
}

/// A paragraph of three sentences, about as long as a chunk of 64 tokens, that no other seed gives.
pub(crate) fn paragraph(seed: u64) -> String {
    let sentences = (0..3).map(|i| sentence(seed * 3 + i));
    format!("{} Note {seed}.", sentences.collect::<Vec<_>>().join(" "))
}
