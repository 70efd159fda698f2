namespace FakeOpenRouter;

/// <summary>The events of a streamed response.</summary>
/// <param name="Opening">Events before the text.</param>
/// <param name="Text">The event that is repeated.</param>
/// <param name="Closing">Events after the text.</param>
/// <param name="Error">The event that ends a failed stream.</param>
internal sealed record DialectStream(AnswerTemplate[] Opening, AnswerTemplate Text, AnswerTemplate[] Closing, AnswerTemplate Error);
