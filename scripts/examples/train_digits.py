"""Train digit classifiers on scikit-learn's bundled data: a real job, some 30 s on 2 cloud vCPUs.

The work is the same on every machine; shorter, for a try: python train_digits.py --epochs 5
"""

from __future__ import annotations

import argparse
import math
import time

import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

SHIFTS = ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))
NETWORKS = 4  # trained in parallel processes of one thread each, then asked to vote
EPOCHS_PER_STAGE = 5
CLASSES = np.arange(10)


def augmented(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every 8 × 8 image and its four one-pixel shifts, flattened, with their labels."""
    shifted = [np.roll(images, shift, axis=(1, 2)) for shift in SHIFTS]
    return np.concatenate(shifted).reshape(-1, 64), np.tile(labels, len(SHIFTS))


def trained(
    network: MLPClassifier, inputs: np.ndarray, labels: np.ndarray, epochs: int, seed: int
) -> MLPClassifier:
    """Return the network after some more epochs, each in an order of its own."""
    shuffle = np.random.default_rng(seed)
    for _ in range(epochs):
        order = shuffle.permutation(len(inputs))
        network.partial_fit(inputs[order], labels[order], classes=CLASSES)
    return network


def main() -> None:
    """Fit a forest and a support vector machine, then train an ensemble of networks by stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40, help="of each network's training")
    parser.add_argument("--seconds", type=float, default=math.inf, help="start no stage after that")
    arguments = parser.parse_args()
    begun = time.monotonic()

    digits = load_digits()
    train_images, test_images, train_labels, test_labels = train_test_split(
        digits.images, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    train, labels = augmented(train_images, train_labels)
    test = test_images.reshape(-1, 64)
    print(f"{len(train)} training images, {len(test)} test images", flush=True)

    forest = RandomForestClassifier(n_estimators=200, random_state=0, n_jobs=-1)
    forest.fit(train, labels)
    print(f"random forest    test accuracy {forest.score(test, test_labels):.4f}", flush=True)
    svm = make_pipeline(StandardScaler(), SVC(C=10.0)).fit(train, labels)
    print(f"support vectors  test accuracy {svm.score(test, test_labels):.4f}", flush=True)

    scaler = StandardScaler().fit(train)
    inputs, questions = scaler.transform(train), scaler.transform(test)
    networks = [MLPClassifier((512, 256), random_state=seed) for seed in range(NETWORKS)]
    with Parallel(n_jobs=-1) as parallel:
        for done in range(0, arguments.epochs, EPOCHS_PER_STAGE):
            if time.monotonic() - begun >= arguments.seconds:
                break
            epochs = min(EPOCHS_PER_STAGE, arguments.epochs - done)
            networks = parallel(
                delayed(trained)(network, inputs, labels, epochs, done + seed)
                for seed, network in enumerate(networks)
            )
            votes = sum(network.predict_proba(questions) for network in networks)
            accuracy = np.mean(votes.argmax(axis=1) == test_labels)
            print(f"epoch {done + epochs:4}       test accuracy {accuracy:.4f}", flush=True)


if __name__ == "__main__":
    main()
