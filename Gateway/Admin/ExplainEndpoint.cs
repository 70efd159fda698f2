using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Admission;
using Gateway.Configuration;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Reports;
using Gateway.Teams;

namespace Gateway.Admin;

/// <summary><c>POST /admin/explain</c>: the report of the sub-command <c>explain</c>, with the current settings, prices and levels.</summary>
/// <param name="settings">Holds the current settings.</param>
/// <param name="prices">Returns the current prices for a snapshot.</param>
/// <param name="preview">The current levels of limits and budgets, and the state of the ledger.</param>
/// <param name="gateway">The state of the gateway.</param>
/// <param name="time">The clock.</param>
internal sealed class ExplainEndpoint(
    SettingsStore settings,
    Func<SettingsSnapshot, PriceList> prices,
    AdmissionPreview preview,
    GatewayState gateway,
    TimeProvider time)
{
    // The maximum depth of the request to this endpoint. The explained body in it is checked by the gateway's own scanner.
    private static readonly JsonDocumentOptions Depth = new() { MaxDepth = 1000 };

    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly GatewayError WrongMediaType = new(415, ErrorOrigin.Client, "invalid_request_error", "unsupported_media_type",
        "The request needs the header 'Content-Type: application/json'.");

    public async Task AnswerAsync(HttpContext context)
    {
        // A page of another origin can send this type only after a preflight, which fails here.
        if (!context.Request.HasJsonContentType())
        {
            await ErrorMiddleware.RefuseAsync(context, WrongMediaType);
            return;
        }

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
            return (null, "the body is not JSON; expected {\"model\", \"team\", \"key\", \"body\", \"path\"} with at least model or body");
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
            var request = new ExplainedRequest(snapshot, team, ExplainReport.PathOf(question.Path), body);
            if (question.Key is { } label)
            {
                if (team?.KeyOf(label) is not { } key)
                {
                    return ("key", "unknown key of the team");
                }

                request = request with { Key = key };
            }

            var explanation = await RequestExplainer.ExplainAsync(request, prices(snapshot), preview, time.GetUtcNow(), gateway);
            if (question.Body is not null && ExplainReport.FindMismatch(explanation, question.Model) is { } mismatch)
            {
                return ("model", mismatch);
            }

            using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
            await ExplainReport.WriteAsync(request, explanation, question.Path, text);
            await AdminResponses.WriteAsync(context, "application/json", Render(request, explanation, text.ToString()));
            return null;
        }
    }

    /// <summary>
    /// The report as text, and the verdict for programs: the body that goes upstream, or status and body of the error, and the estimate.
    /// </summary>
    private static ReadOnlyMemory<byte> Render(ExplainedRequest request, RequestExplanation explanation, string text)
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

        if (request.LeavesOutKeys)
        {
            json.WriteBoolean("keys_left_out"u8, true);
        }

        if (explanation.Estimate is { } estimate)
        {
            json.WritePropertyName("estimate"u8);
            estimate.WriteTo(json);
        }

        WriteLevels(json, explanation);
        json.WriteEndObject();
        json.Flush();
        return output.WrittenMemory;
    }

    /// <summary>Writes the levels of the limits and of the budgets, without the request; amounts are decimal text in US dollars.</summary>
    private static void WriteLevels(Utf8JsonWriter json, RequestExplanation explanation)
    {
        if (explanation.Forecast is { Limits: { } limits })
        {
            json.WriteStartObject("limits"u8);
            WriteLevel("requests", limits.Requests);
            WriteLevel("tokens", limits.Tokens);
            json.WriteEndObject();
        }

        foreach (var (budget, period, level) in explanation.Forecast?.Budgets ?? [])
        {
            json.WriteStartObject(period.KeyLabel is null ? "budget"u8 : "key_budget"u8);
            json.WriteString("limit_usd"u8, budget.Limit.ToString());
            json.WriteString("charged_usd"u8, level.Charged.ToString());
            json.WriteString("reserved_usd"u8, level.Reserved.ToString());
            json.WriteString("left_usd"u8, PicoDollars.Max(budget.Limit - level.Charged, PicoDollars.Zero).ToString());
            json.WriteString("resets_at"u8, ErrorMetadata.Text(period.End));
            json.WriteEndObject();
        }

        void WriteLevel(string name, LimitLevel? level)
        {
            if (level is { } one)
            {
                json.WriteStartObject(name);
                json.WriteNumber("limit"u8, one.Limit);
                json.WriteNumber("left"u8, one.Remaining);
                json.WriteEndObject();
            }
        }
    }

    /// <summary>The parsed request to this endpoint. The explained body is kept byte for byte.</summary>
    private readonly record struct Question(string? Model, string? Team, string? Key, byte[]? Body, string Path)
    {
        public static (Question Question, (string? Member, string Message)? Fault) Read(JsonElement root)
        {
            var question = new Question(null, null, null, null, new ExplainArguments().RequestPath);
            if (root.ValueKind != JsonValueKind.Object)
            {
                return (question, (null, "expected an object with model, team, key, body and path"));
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
                    case "key" when !string.IsNullOrWhiteSpace(text):
                        question = question with { Key = text };
                        break;
                    case "path" when text is not null && ExplainReport.IsPath(text):
                        question = question with { Path = text };
                        break;
                    case "body" when member.Value.ValueKind == JsonValueKind.Object:
                        question = question with { Body = JsonMarshal.GetRawUtf8Value(member.Value).ToArray() };
                        break;
                    case ("model" or "team" or "key") and var name:
                        return (question, (name, "expected a name"));
                    case "path":
                        return (question, ("path", "expected " + ExplainReport.PathExpected));
                    case "body":
                        return (question, ("body", "expected the request's body, an object"));
                    default:
                        return (question, (null, "unknown member; expected model, team, key, body and path"));
                }
            }

            return (question, question.Model is null && question.Body is null ? (null, "expected model, body or both") : null);
        }
    }
}
