using System.Text;
using Gateway.Metering;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Answers in every dialect, and beside each the facts that the reader must find: <c>Cases/usage</c>.</summary>
internal static class UsageCases
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "Cases", "usage");

    /// <summary>The names of the cases; the extension tells a body from a stream.</summary>
    public static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Root).Select(file => Path.GetFileName(file)!)
            .Where(file => !IsExpectation(file)).Order(StringComparer.Ordinal);

    public static bool IsEventStream(string name) => name.EndsWith(".sse", StringComparison.Ordinal);

    public static byte[] Answer(string name) => File.ReadAllBytes(Path.Combine(Root, name));

    public static string Expected(string name) => File.ReadAllText(Path.Combine(Root, name + ".expected"));

    /// <summary>The facts as the expectations are written: one line for each that is known.</summary>
    public static string Render(ResponseFacts facts)
    {
        var text = new StringBuilder();
        Add("id", facts.Id);
        Add("model", facts.Model);
        Add("provider", facts.Provider);
        Add("tier", facts.ServiceTier);
        Add("finish", facts.FinishReason);
        Add("error", facts.HasError ? "yes" : "no");
        Add("complete", facts.IsComplete ? "yes" : "no");
        Add("prompt", facts.Usage?.PromptTokens);
        Add("completion", facts.Usage?.CompletionTokens);
        Add("cached", facts.Usage?.CachedTokens);
        Add("reasoning", facts.Usage?.ReasoningTokens);
        Add("cost", facts.Usage?.Cost);
        return text.ToString();

        void Add(string name, object? value)
        {
            if (value is not null)
            {
                text.Append(name).Append(": ").Append(value).Append('\n');
            }
        }
    }

    /// <summary>Reads an answer in the pieces that it is cut into, and ends it.</summary>
    public static ResponseFacts Read(IResponseReader reader, params IEnumerable<byte[]> pieces)
    {
        foreach (var piece in pieces)
        {
            // The reader must not come back to bytes that it has seen: their memory is used again.
            var passing = piece.ToArray();
            reader.Read(passing);
            passing.AsSpan().Fill((byte)'"');
        }

        reader.End();
        return reader.Facts;
    }

    private static bool IsExpectation(string file) => file.EndsWith(".expected", StringComparison.Ordinal);
}
