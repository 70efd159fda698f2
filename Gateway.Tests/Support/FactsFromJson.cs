using System.Buffers;
using System.Text;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>The facts that a scan of a body finds, read with Utf8JsonReader: the rules are tested without the scanner.</summary>
internal static class FactsFromJson
{
    private static readonly Dictionary<string, BodyMemberName> Routing = new(StringComparer.Ordinal)
    {
        ["model"] = BodyMemberName.Model,
        ["models"] = BodyMemberName.Models,
        ["fallbacks"] = BodyMemberName.Fallbacks,
        ["provider"] = BodyMemberName.Provider,
        ["preset"] = BodyMemberName.Preset,
        ["stream"] = BodyMemberName.Stream,
        ["n"] = BodyMemberName.Choices,
        ["max_tokens"] = BodyMemberName.MaxTokens,
        ["max_completion_tokens"] = BodyMemberName.MaxCompletionTokens,
        ["max_output_tokens"] = BodyMemberName.MaxOutputTokens,
        ["session_id"] = BodyMemberName.SessionId,
        ["prompt_cache_key"] = BodyMemberName.PromptCacheKey,
        ["messages"] = BodyMemberName.Messages,
        ["input"] = BodyMemberName.Input,
        ["tools"] = BodyMemberName.Tools,
        ["tool_choice"] = BodyMemberName.ToolChoice,
        ["parallel_tool_calls"] = BodyMemberName.ParallelToolCalls,
        ["max_tool_calls"] = BodyMemberName.MaxToolCalls,
        ["stop_server_tools_when"] = BodyMemberName.StopServerToolsWhen,
        ["plugins"] = BodyMemberName.Plugins,
        ["web_search_options"] = BodyMemberName.WebSearchOptions,
        ["mcp_servers"] = BodyMemberName.McpServers,
        ["best_of"] = BodyMemberName.BestOf,
        ["prompt"] = BodyMemberName.Prompt,
        ["documents"] = BodyMemberName.Documents,
        ["service_tier"] = BodyMemberName.ServiceTier,
        ["speed"] = BodyMemberName.Speed,
    };

    /// <summary>The name of a routing member in a body.</summary>
    public static string NameOf(BodyMemberName member) => Routing.Single(pair => pair.Value == member).Key;

    /// <summary>Reads the facts of a body that holds one JSON object, with or without a byte order mark.</summary>
    /// <param name="body">The body.</param>
    /// <param name="tools">Its server tools, which are not read here.</param>
    public static BodyFacts Read(byte[] body, ServerToolFacts? tools = null)
    {
        var bom = body.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0;
        var json = body.AsSpan(bom);
        var members = new List<BodyMember>();
        var models = new List<ModelName>();
        var all = JsonMember.ReadAll(json);
        foreach (var member in all)
        {
            if (Routing.TryGetValue(member.Name, out var name))
            {
                var value = new ByteRange(bom + member.ValueStart, member.ValueEnd - member.ValueStart);
                members.Add(new BodyMember(
                    name, bom + member.Start, value, member.Kind, member.CommaEnd < 0 ? -1 : bom + member.CommaEnd));
                AddModels(name, body, value, members.Count - 1, models);
            }
        }

        var insertAt = all.Count == 0 ? bom + json.IndexOf((byte)'{') + 1 : bom + all[^1].ValueEnd;
        return new BodyFacts(body.Length, insertAt, all.Count == 0, members, models, new ReadOnlySequence<byte>(body))
        {
            ServerTools = tools ?? ServerToolFacts.None,
        };
    }

    /// <summary>The body as it leaves: the edits done, after checking that they ascend and do not overlap.</summary>
    public static byte[] Apply(byte[] body, IReadOnlyList<BodyEdit> edits)
    {
        var output = new ArrayBufferWriter<byte>();
        var at = 0;
        var earlierOffset = -1;
        foreach (var edit in edits)
        {
            Assert.True(edit.Offset > earlierOffset, "edits ascend, and there is one at each place");
            Assert.True(edit.Offset >= at, "edits do not overlap");
            Assert.True(edit.Remove > 0 || edit.Insert.Length > 0, "an edit changes something");
            output.Write(body.AsSpan(at, edit.Offset - at));
            output.Write(edit.Insert.Span);
            at = edit.Offset + edit.Remove;
            earlierOffset = edit.Offset;
        }

        output.Write(body.AsSpan(at));
        return output.WrittenSpan.ToArray();
    }

    private static void AddModels(BodyMemberName name, byte[] body, ByteRange range, int member, List<ModelName> models)
    {
        var reader = new Utf8JsonReader(body.AsSpan(range.Start, range.Length), new JsonReaderOptions { MaxDepth = int.MaxValue });
        reader.Read();
        if (name == BodyMemberName.Model && reader.TokenType == JsonTokenType.String)
        {
            Add(ref reader);
        }
        else if (name is BodyMemberName.Models or BodyMemberName.Fallbacks && reader.TokenType == JsonTokenType.StartArray)
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (name == BodyMemberName.Models && reader.TokenType == JsonTokenType.String)
                {
                    Add(ref reader);
                }
                else if (name == BodyMemberName.Fallbacks && reader.TokenType == JsonTokenType.StartObject)
                {
                    while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                    {
                        var isModel = JsonStringDecoder.Decode(reader.ValueSpan) == "model";
                        reader.Read();
                        if (isModel && reader.TokenType == JsonTokenType.String)
                        {
                            Add(ref reader);
                        }

                        reader.Skip();
                    }
                }
                else
                {
                    reader.Skip();
                }
            }
        }

        void Add(ref Utf8JsonReader at) => models.Add(new ModelName(
            JsonStringDecoder.Decode(at.ValueSpan),
            new ByteRange(range.Start + (int)at.TokenStartIndex, at.ValueSpan.Length + 2),
            member));
    }

    /// <summary>Text as UTF-8.</summary>
    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
