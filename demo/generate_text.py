#!/usr/bin/env python3
"""Writes the texts of the demonstration: text.txt (what the small base model is trained on), tune.jsonl (what it is tuned with) and
chats.csv (the 500 chats with which the tutorial begins).

Everything follows from the lists below and the seed; the same call writes the same bytes."""
import csv
import json
import random

random.seed(20)
ANIMALS = {
    "fox": ("red", "a den in the forest", "berries and mice", "barks"), "owl": ("brown", "a hollow oak", "mice", "hoots"),
    "bear": ("black", "a cave in the hills", "honey and fish", "growls"), "duck": ("green", "the reeds by the pond", "water plants", "quacks"),
    "cow": ("white", "a barn on the farm", "fresh grass", "moos"), "frog": ("green", "the old pond", "flies", "croaks"),
    "crow": ("black", "a nest in the pine", "seeds and nuts", "caws"), "goat": ("grey", "the rocky meadow", "leaves and twigs", "bleats"),
    "bee": ("yellow", "a hive in the orchard", "nectar", "hums"), "wolf": ("grey", "the deep woods", "meat", "howls"),
    "hen": ("brown", "the henhouse", "corn", "clucks"), "pig": ("pink", "a sty by the gate", "turnips", "grunts"),
    "horse": ("brown", "a stable on the farm", "hay and apples", "neighs"), "mouse": ("grey", "a hole in the wall", "cheese and crumbs", "squeaks"),
    "seal": ("silver", "the icy shore", "fish", "barks"), "swan": ("white", "the quiet lake", "water weeds", "hisses"),
    "deer": ("brown", "the birch wood", "buds and grass", "bleats"), "cat": ("orange", "a basket by the stove", "fish and milk", "purrs"),
    "dog": ("spotted", "a kennel in the yard", "bones", "barks"), "lamb": ("white", "the green meadow", "clover", "bleats"),
}
QUESTIONS = {
    "colour": (["What colour is the {a}?", "Tell me the colour of the {a}.", "Which colour has the {a}?"], "The {a} is {v}."),
    "home": (["Where does the {a} live?", "Where is the home of the {a}?", "Do you know where the {a} lives?"], "The {a} lives in {v}."),
    "food": (["What does the {a} eat?", "What is the food of the {a}?", "What should I give the {a} to eat?"], "The {a} eats {v}."),
    "sound": (["What sound does the {a} make?", "How does the {a} sound?", "What do I hear from the {a}?"], "The {a} {v}."),
}
MANNER = {
    "colour": "Good day! The {a} is {v}, said the old owl.", "home": "Good day! The {a} lives in {v}, said the old owl.",
    "food": "Good day! The {a} eats {v}, said the old owl.", "sound": "Good day! The {a} {v}, said the old owl.",
}
KINDS = list(QUESTIONS)


def story(animal):
    colour, home, food, sound = ANIMALS[animal]
    friend = random.choice([other for other in ANIMALS if other != animal])
    weather = random.choice(["The sun was warm.", "It rained all day.", "A cold wind blew.", "The first snow fell.", "The night was clear."])
    end = random.choice(["They went home together.", "Then it was time to sleep.", "Both of them were happy.", "They met again the next day."])
    return (f"There was a {colour} {animal} that lived in {home}. {weather} The {animal} was hungry and looked for {food}. "
            f"On the way it met the {friend}. \"Good day,\" said the {friend}. The {animal} {sound} and shared its {food} with the {friend}. {end}")


def question(animal, kind):
    return random.choice(QUESTIONS[kind][0]).format(a=animal)


def answer(forms, animal, kind):
    form = forms[kind] if isinstance(forms[kind], str) else forms[kind][1]
    return form.format(a=animal, v=ANIMALS[animal][KINDS.index(kind)])


documents = []
for _ in range(30):
    for animal in ANIMALS:
        documents.append(story(animal))
        for kind in random.sample(KINDS, 3):
            documents.append(f"<|user|>{question(animal, kind)}<|end|><|assistant|>{answer(QUESTIONS, animal, kind)}<|end|>")
random.shuffle(documents)
with open("text.txt", "w") as file:
    file.write("\n\n".join(documents) + "\n")

# Six animals are never seen in the tuning data: the tuned model must carry the new manner over to them.
seen = [animal for animal in ANIMALS if animal not in ("fox", "owl", "bear", "swan", "mouse", "goat")]
lines = []
for animal in seen:
    for kind in KINDS:
        for _ in range(2):
            lines.append({"messages": [{"role": "user", "content": question(animal, kind)},
                                       {"role": "assistant", "content": answer(MANNER, animal, kind)}]})
random.shuffle(lines)
with open("tune.jsonl", "w") as file:
    for line in lines:
        file.write(json.dumps(line) + "\n")

# What a text is about, for the demonstration of classification; of the animals that are never seen in tuning the validation file is made.
TEXTS = {
    "colour": ["The {a} is {v}.", "Look, a {v} {a}!", "What colour is the {a}?", "Tell me the colour of the {a}."],
    "home": ["The {a} lives in {v}.", "There was a {a} in {v}.", "Where does the {a} live?", "Where is the home of the {a}?"],
    "food": ["The {a} eats {v}.", "The {a} was hungry and looked for {v}.", "What does the {a} eat?", "What is the food of the {a}?"],
    "sound": ["The {a} {v}.", "At night the {a} {v}.", "What sound does the {a} make?", "How does the {a} sound?"],
}
for name, animals in [("classes.jsonl", seen), ("classes-validation.jsonl", [animal for animal in ANIMALS if animal not in seen])]:
    lines = []
    for animal in animals:
        for kind in KINDS:
            for form in random.sample(TEXTS[kind], 3):
                lines.append({"text": form.format(a=animal, v=ANIMALS[animal][KINDS.index(kind)]), "label": kind})
    random.shuffle(lines)
    with open(name, "w") as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")

# The export of a help desk: the same questions come again and again.
draw = random.Random(21)
with open("chats.csv", "w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["ticket", "question", "answer"])
    for ticket in range(500):
        animal, kind = draw.choice(seen), draw.choice(KINDS)
        asked = draw.choice(QUESTIONS[kind][0]).format(a=animal)
        table.writerow([1001 + ticket, asked, answer(MANNER, animal, kind)])
