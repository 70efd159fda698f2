using System.Text.Json;

namespace FakeOpenRouter;

/// <summary>The values for the placeholders of one response.</summary>
internal sealed class AnswerValues
{
    public required string Id { get; init; }

    public required JsonEncodedText Model { get; init; }

    public required JsonEncodedText Provider { get; init; }

    public required Usage Usage { get; init; }

    /// <summary>Whether the response has <c>usage</c>.</summary>
    public bool TellsUsage { get; init; } = true;

    /// <summary>The text of the response or of the current event, as the inside of a JSON string.</summary>
    public ReadOnlyMemory<byte> Text { get; set; }

    /// <summary>The index of the current text event, from 0.</summary>
    public int Index { get; set; }

    /// <summary>The index of the current event in the stream, from 0.</summary>
    public int Sequence { get; set; }
}
