"""The records a fresh pod starts with; ids count from 1 in this order (§8.1.5)."""

AUTHORS: tuple[tuple[str, str], ...] = (
    ("Alice", "Munro"),
    ("David", "Mitchell"),
    ("Haruki", "Murakami"),
    ("James", "Baldwin"),
    ("Margaret", "Atwood"),
    ("Michael", "Chabon"),
    ("N.K.", "Jemisin"),
    ("Neil", "Gaiman"),
    ("P.D.", "James"),
    ("Ursula", "K. Le Guin"),
)

BOOKS: tuple[tuple[str, int, int], ...] = (  # title, pages, author
    ("Dear Life", 319, 1),
    ("Cloud Atlas", 529, 2),
    ("1Q84", 1184, 3),
    ("Kafka on the Shore", 436, 3),
    ("Giovanni's Room", 176, 4),
    ("Fire Next Time, The", 141, 4),
    ("Telegraph Avenue", 468, 6),
    ("Mysteries of Pittsburgh, The", 306, 6),
    ("Fifth Season, The", 512, 7),
    ("Obelisk Gate, The", 448, 7),
    ("Stone Sky, The", 464, 7),
    ("American Gods", 588, 8),
    ("Children of Men", 241, 9),
    ("Left Hand of Darkness, The", 304, 10),
    ("Dispossessed, The", 401, 10),
)
