using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Reports;
using Gateway.Teams;

namespace Gateway.Admin;

/// <summary><c>POST /admin/explain</c>: the report of the sub-command <c>explain</c>, with the current settings and prices.</summary>
/// <param name="settings">Holds the current settings.</param>
/// <param name="prices">Returns the current prices for a snapshot.</param>
internal sealed class ExplainEndpoint(SettingsStore settings, Func<SettingsSnapshot, PriceList> prices)
{
    // The maximum depth of the request to this endpoint. The explained body in it is checked by the gateway's own scanner.
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 1000 };

    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public async Task AnswerAsync(HttpContext context)
    {
        var fault = await TryAnswerAsync(context);
        if (fault is var (member, message))
        {
            await ErrorMiddleware.RefuseAsync(context, new GatewayError(
                StatusCodes.Status400BadRequest,
                ErrorOrigin.Client,
                "invalid_request_error",
                "invalid_question",
                $"{(member is null ? "" : $"\"{member}\": ")}{message}.",
                member));
        }
    }

    private async Task<(string? Member, string Message)?> TryAnswerAsync(HttpContext context)
    {
        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(context.Request.Body, Depth, context.RequestAborted);
        }
        catch (JsonException)
        {
            return (null, "the body is not JSON; expected {\"model\", \"team\", \"body\", \"path\"} with at least model or body");
        }

        using (document)
        {
            var (question, fault) = Question.Read(document.RootElement);
            if (fault is not null)
            {
                return fault;
            }

            var snapshot = settings.Current;
            Team? team = null;
            if (question.Team is { } id && !snapshot.Teams.TryGet(id, out team))
            {
                return ("team", "unknown team");
            }

            var body = question.Body ?? ExplainReport.MinimalBody(question.Model);
            var explanation = RequestExplainer.Explain(snapshot, team, prices(snapshot), ExplainReport.PathOf(question.Path), body);
            if (question.Body is not null && ExplainReport.FindMismatch(explanation, question.Model) is { } mismatch)
            {
                return ("model", mismatch);
            }

            using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
            await ExplainReport.WriteAsync(snapshot, explanation, question.Path, body, text);
            await AdminResponses.WriteAsync(context, "application/json", Render(explanation, text.ToString()));
            return null;
        }
    }

    /// <summary>
    /// The report as text, and the verdict for programs: the body that goes upstream, or status and body of the error, and the estimate.
    /// </summary>
    private static ReadOnlyMemory<byte> Render(RequestExplanation explanation, string text)
    {
        var output = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(output, Relaxed);
        json.WriteStartObject();
        json.WriteString("text"u8, text);
        if (explanation.Error is { } error)
        {
            json.WriteNumber("status"u8, error.Status);
            json.WritePropertyName("error"u8);
            json.WriteRawValue(GatewayErrorWriter.RenderBody(explanation.Dialect, error).WrittenSpan);
        }
        else if (explanation.SentBody is { } sent)
        {
            json.WriteString("body"u8, sent.Span);
        }

        if (explanation.Estimate is { } estimate)
        {
            json.WritePropertyName("estimate"u8);
            estimate.WriteTo(json);
        }

        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>The parsed request to this endpoint. The explained body is kept byte for byte.</summary>
    private readonly record struct Question(string? Model, string? Team, byte[]? Body, string Path)
    {
        public static (Question Question, (string? Member, string Message)? Fault) Read(JsonElement root)
        {
            var question = new Question(null, null, null, new ExplainArguments().RequestPath);
            if (root.ValueKind != JsonValueKind.Object)
            {
                return (question, (null, "expected an object with model, team, body and path"));
            }

            foreach (var member in root.EnumerateObject())
            {
                var text = JsonMembers.Text(member.Value);
                switch (JsonMembers.Name(member))
                {
                    case "model" when !string.IsNullOrWhiteSpace(text):
                        question = question with { Model = text };
                        break;
                    case "team" when !string.IsNullOrWhiteSpace(text):
                        question = question with { Team = text };
                        break;
                    case "path" when text?.StartsWith('/') == true:
                        question = question with { Path = text };
                        break;
                    case "body" when member.Value.ValueKind == JsonValueKind.Object:
                        question = question with { Body = Encoding.UTF8.GetBytes(member.Value.GetRawText()) };
                        break;
                    case ("model" or "team") and var name:
                        return (question, (name, "expected a name"));
                    case "path":
                        return (question, ("path", "expected a path that begins with /"));
                    case "body":
                        return (question, ("body", "expected the request's body, an object"));
                    default:
                        return (question, (null, "unknown member; expected model, team, body and path"));
                }
            }

            return (question, question.Model is null && question.Body is null ? (null, "expected model, body or both") : null);
        }
    }
}
