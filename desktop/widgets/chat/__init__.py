"""The parts of the chat page: from an answer's Markdown to what is drawn, and what stands around it.

Without Qt: ``lines`` (values), ``markdown`` (text to lines), ``highlight`` (colours of code), ``stream`` (a growing
text), ``words`` (numbers as people read them). With Qt: ``look`` and ``writer`` draw lines into a document,
``markdown_view`` shows it; a ``transcript`` holds the messages.
"""
