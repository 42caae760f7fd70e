"""Update rules, each a pure pair of functions (see `descenso.descent.problem.Rule`)."""

from descenso.descent.problem import Params, Rule, State, Tensor

__all__ = ["RULES", "sgd"]


def sgd() -> Rule:
    """Gradient descent: θ ← θ − learning_rate · ∇θ.

    As Keras's SGD without momentum. Stochastic where the gradient is that of a batch.

    Source: Robbins and Monro, A Stochastic Approximation Method (1951), section 2, with a fixed step.
    """

    def init(params: Params) -> State:
        return {}

    def update(gradients: Params, state: State, params: Params, learning_rate: Tensor) -> tuple[Params, State]:
        return {name: -learning_rate * gradient for name, gradient in gradients.items()}, state

    return Rule(init, update)


RULES = {"sgd": sgd}
