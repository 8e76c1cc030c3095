"""Tokenizers learned from text in several languages."""

from __future__ import annotations

import json

import pytest
from languages import SENTENCES, lines

from squeezebert.errors import ArtifactError, InputError
from squeezebert.text.learning import ALGORITHMS, SPECIAL_TOKENS, Learned, LearningSettings, check_target, learn, save
from squeezebert.text.tokenization import Tokenizer


def learned(language: str, size: int = 90, count: int = 200, **settings) -> Learned:
    found = lines(language, count)
    return learn(lambda: iter(found), LearningSettings(vocab_size=size, **settings), progress=False)


def tokens(one: Learned, text: str) -> list[str]:
    tokenizer = Tokenizer.from_json(one.tokenizer, max_length=512)
    return [tokenizer.token(id) for id in tokenizer.encode([text])[0].ids.tolist()]


def largest(language: str, algorithm: str, **settings) -> int:
    """The largest vocabulary that the text can give, as the error says."""
    with pytest.raises(InputError, match="the text is too small for vocab_size=5000: it gives") as seen:
        learned(language, 5000, algorithm=algorithm, **settings)
    return int(str(seen.value).split("choose --vocab-size ")[1].split(",")[0])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("language", list(SENTENCES))
def test_every_algorithm_learns_every_language(language, algorithm):
    size = largest(language, algorithm, letters=1.0)
    found = learned(language, size, algorithm=algorithm, letters=1.0)
    tokenizer = Tokenizer.from_json(found.tokenizer, max_length=512)
    assert found.vocab_size == tokenizer.vocab_size == size
    assert [tokenizer.token(id) for id in range(5)] == list(SPECIAL_TOKENS)
    ids = (tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id)
    assert ids == (0, 1, 2, 3, 4)
    for sentence in SENTENCES[language]:
        encoding = tokenizer.encode([sentence])[0]
        assert 1 not in encoding.ids
        assert (encoding.ids[0], encoding.ids[-1]) == (2, 3)
        said = tokenizer.decode(encoding.ids)
        assert "".join(said.split()) == "".join(sentence.lower().split())
    pair = tokenizer.encode([(SENTENCES[language][0], SENTENCES[language][1])])[0]
    assert (pair.ids == 3).sum() == 2
    assert set(pair.types.tolist()) == {0, 1}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_text_gives_the_same_file(algorithm):
    one, other = (learned("german", 60, algorithm=algorithm) for _ in range(2))
    assert one == other


def test_letters_keep_their_accents_unless_they_are_unwanted():
    assert "schläft" in "".join(tokens(learned("german"), "Die Katze schläft.")).replace("##", "")
    plain = learned("german", 80, strip_accents=True)
    assert "schlaft" in "".join(tokens(plain, "Die Katze schläft.")).replace("##", "")
    cased = learned("german", lowercase=False)
    assert "".join(tokens(cased, "Die Katze")[1:-1]).replace("##", "") == "DieKatze"


def test_turkish_has_two_letters_i():
    found = learned("turkish", dotless_i=True)
    assert "".join(tokens(found, "Işık İyi")[1:-1]).replace("##", "") == "ışıkiyi"
    assert learned("turkish", dotless_i=True, lowercase=False).coverage.unknown == 0


def test_a_script_without_spaces_needs_unigram():
    long = ["".join(lines("thai", 25)) + str(number) for number in range(60)]
    read = lambda: iter(long)  # noqa: E731 - a reader is a function
    words = learn(read, LearningSettings(vocab_size=200), progress=False)
    pieces = learn(read, LearningSettings(vocab_size=80, algorithm="unigram"), progress=False)
    assert words.coverage.is_poor  # WordPiece gives up on a stretch of more than 100 letters
    assert not pieces.coverage.is_poor
    assert pieces.coverage.unknown == 0


def test_rare_letters_are_unknown_and_common_ones_are_not():
    found = [*lines("german", 400), "Ein ☃ und ein ☂."]
    wide = learn(lambda: iter(found), LearningSettings(vocab_size=90, letters=1.0), progress=False)
    narrow = learn(lambda: iter(found), LearningSettings(vocab_size=90, letters=0.999), progress=False)
    assert "[UNK]" not in tokens(wide, "☃")
    assert "[UNK]" in tokens(narrow, "☃")
    assert "[UNK]" not in tokens(narrow, SENTENCES["german"][1])


def test_a_vocabulary_that_is_too_small_for_the_letters_says_so():
    with pytest.raises(InputError, match="vocab_size=20 is too small for the letters of the text: they alone take"):
        learned("german", 20)
    with pytest.raises(InputError, match=r"vocab_size=20 does not fit the text \(.*\); choose another --vocab-size"):
        learned("german", 20, algorithm="unigram")


def test_no_text_is_said():
    with pytest.raises(InputError, match="there is no text to learn from; name files that hold some"):
        learn(lambda: iter(["", "  "]), LearningSettings(), progress=False)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="algorithm 'magic' is not known; choose one of wordpiece, unigram, bpe"):
        LearningSettings(algorithm="magic")
    with pytest.raises(InputError, match="vocab_size=5 holds special tokens only; choose more, such as 30000"):
        LearningSettings(vocab_size=5)
    with pytest.raises(InputError, match=r"letters=0 is no share of the text; choose above 0 to 1, such as 0\.9999"):
        LearningSettings(letters=0)
    for least, held_out in ((0, 50), (2, 1)):
        with pytest.raises(InputError, match="min_frequency is below 1 or held_out below 2; choose larger numbers"):
            LearningSettings(min_frequency=least, held_out=held_out)


def test_a_tokenizer_is_written_as_a_file_or_as_a_folder(tmp_path):
    found = learned("german")
    assert save(found, tmp_path / "new" / "a.json").read_text(encoding="utf-8") == found.tokenizer
    folder = tmp_path / "folder"
    for _ in range(2):  # again in its own place
        assert save(found, folder) == folder
    assert sorted(path.name for path in folder.iterdir()) == ["tokenizer.json", "tokenizer_config.json"]
    assert json.loads((folder / "tokenizer_config.json").read_text())["mask_token"] == "[MASK]"
    assert Tokenizer.from_folder(folder).mask_token == "[MASK]"


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "thesis.txt").touch()
    for place in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(ArtifactError, match="holds something that is not a tokenizer; choose another place"):
            check_target(place)
    with pytest.raises(ArtifactError, match="holds something that is not a tokenizer"):
        save(learned("german"), tmp_path)
    with pytest.raises(ArtifactError, match=r"cannot write .*a\.json: .*; choose another place"):
        save(learned("german"), tmp_path / "thesis.txt" / "a.json")
    check_target(tmp_path / "new")


def test_transformers_reads_the_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    folder = save(learned("german"), tmp_path / "folder")
    text = SENTENCES["german"][0]
    theirs = transformers.AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert theirs == Tokenizer.from_folder(folder).encode([text])[0].ids.tolist()
