namespace FakeOpenRouter;

/// <summary>The answers of one inference endpoint: whole, streamed and failed.</summary>
/// <param name="Json">The answer without <c>stream</c>.</param>
/// <param name="ErrorInside">A body that carries an error under status 200.</param>
/// <param name="Stream">The event stream; <see langword="null"/> where the endpoint has none.</param>
internal sealed record Dialect(AnswerTemplate Json, AnswerTemplate ErrorInside, DialectStream? Stream = null);
