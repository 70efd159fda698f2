namespace FakeOpenRouter;

/// <summary>A request to an inference endpoint.</summary>
internal sealed record Call(Dialect Dialect, AnswerValues Values, BookEntry Bill, bool Streams);
