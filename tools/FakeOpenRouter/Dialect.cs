namespace FakeOpenRouter;

/// <summary>The responses of one inference endpoint: whole, streamed and failed.</summary>
/// <param name="Json">The response without <c>stream</c>.</param>
/// <param name="ErrorInside">A body with an error under status 200.</param>
/// <param name="Stream">The event stream; <see langword="null"/> if the endpoint has none.</param>
internal sealed record Dialect(AnswerTemplate Json, AnswerTemplate ErrorInside, DialectStream? Stream = null);
