"""The tree of messages as a value, and that the store shows the same branch as the value does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.chat.conversation import Message
from engine.chat.history.tree import Node, Tree
from engine.errors import NotFound
from tests.helpers.chats import grown, line, texts


def branched() -> Tree:
    """Return: q1 a1 q2 a2, then a second a1 with q3 after it."""
    tree = grown(line("q1", "a1", "q2", "a2"))
    tree = tree.adding(Node(5, 1, Message("assistant", "a1'")))
    return tree.adding(Node(6, 5, Message("user", "q3")))


def test_the_newest_branch_is_shown():
    assert texts(branched()) == ["q1", "a1'", "q3"]
    assert [message.content for message in branched().conversation.messages] == ["q1", "a1'", "q3"]


def test_another_branch_is_shown_to_its_end():
    assert texts(branched().showing(2)) == ["q1", "a1", "q2", "a2"]
    assert texts(branched().showing(2).showing(5)) == ["q1", "a1'", "q3"]


def test_a_hit_deep_in_a_hidden_branch_can_be_shown():
    tree = branched().showing(4)
    assert texts(tree) == ["q1", "a1", "q2", "a2"]
    assert [node.id for node in tree.siblings(2)] == [2, 5]


def test_an_edited_first_question_is_a_tree_of_its_own():
    tree = branched().adding(Node(7, None, Message("user", "Q1")))
    assert texts(tree) == ["Q1"]
    assert [node.id for node in tree.siblings(1)] == [1, 7]


def test_without_a_message_what_follows_goes_too_and_a_sibling_is_shown():
    tree = branched().without(5)
    assert [node.id for node in tree.nodes] == [1, 2, 3, 4]
    assert texts(tree) == ["q1", "a1", "q2", "a2"]


def test_until_a_message():
    assert [message.content for message in branched().until(3).messages] == ["q1", "a1", "q2"]
    assert branched().until(None).messages == ()


def test_what_is_not_there_is_the_worlds_fault():
    with pytest.raises(NotFound):
        branched()[99]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=30))
def test_one_sibling_of_each_group_is_shown(steps):
    tree = Tree(1)
    for number, (adds, choice) in enumerate(steps, 1):
        ids = [None, *(node.id for node in tree.nodes)]
        chosen = ids[choice % len(ids)]
        if adds or chosen is None:
            tree = tree.adding(Node(number, chosen, Message("user", str(number))))
        else:
            tree = tree.showing(chosen)
            assert chosen in {node.id for node in tree.branch}
    for parent_id in [None, *(node.id for node in tree.nodes)]:
        children = tree.children(parent_id)
        assert sum(node.shown for node in children) == bool(children)
