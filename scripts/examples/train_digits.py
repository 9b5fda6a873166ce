"""Train digit classifiers on scikit-learn's bundled data: a real job, some 25 s on 2 cloud vCPUs.

Run it as it is, or shorter: python train_digits.py --seconds 3
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))


def augmented(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every 8 × 8 image and its four one-pixel shifts, flattened, with their labels."""
    shifted = [np.roll(images, shift, axis=(1, 2)) for shift in SHIFTS]
    return np.concatenate(shifted).reshape(-1, 64), np.tile(labels, len(SHIFTS))


def main() -> None:
    """Fit a forest and a support vector machine, then train a network epoch by epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=120, help="of the network's training")
    parser.add_argument(
        "--seconds", type=float, default=math.inf, help="stop earlier, after so long"
    )
    arguments = parser.parse_args()
    begun = time.monotonic()

    digits = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    train, labels = augmented(train_images, train_labels)
    test = test_images.reshape(-1, 64)
    print(f"{len(train)} training images, {len(test)} test images", flush=True)

    forest = RandomForestClassifier(n_estimators=100, random_state=0, n_jobs=-1)
    forest.fit(train, labels)
    print(f"random forest   test accuracy {forest.score(test, test_labels):.4f}", flush=True)

    svm = make_pipeline(StandardScaler(), SVC(C=10.0)).fit(train, labels)
    print(f"support vectors test accuracy {svm.score(test, test_labels):.4f}", flush=True)

    scaler = StandardScaler().fit(train)
    network = MLPClassifier((512, 256), batch_size=256, random_state=0)
    inputs, classes = scaler.transform(train), np.unique(labels)
    shuffle = np.random.default_rng(0)
    for epoch in range(1, arguments.epochs + 1):
        order = shuffle.permutation(len(inputs))
        network.partial_fit(inputs[order], labels[order], classes=classes)
        done = epoch == arguments.epochs or time.monotonic() - begun >= arguments.seconds
        if done or epoch % 10 == 0:
            accuracy = network.score(scaler.transform(test), test_labels)
            print(f"epoch {epoch:4}      test accuracy {accuracy:.4f}", flush=True)
        if done:
            break


if __name__ == "__main__":
    main()
