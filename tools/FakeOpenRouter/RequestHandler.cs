using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace FakeOpenRouter;

/// <summary>Receives a request, records it, and responds as its script says.</summary>
internal sealed class RequestHandler
{
    /// <summary>The base path of OpenRouter's API.</summary>
    public const string BasePath = "/api/v1";

    private static readonly byte[] Blank = [(byte)' '];

    private readonly FakeOpenRouterOptions _options;
    private readonly TimeProvider _time;
    private readonly ReportEndpoints _report;
    private readonly ScenarioPlayer _scenario;
    private int _generations;

    public RequestHandler(FakeOpenRouterOptions options, TimeProvider time, ConnectionCounter connections, ScenarioPlayer scenario)
    {
        _options = options;
        _time = time;
        _scenario = scenario;
        Requests = new RequestLog(options.KeepBodyBytes);
        Book = new BillingBook(options.GenerationDelay);
        _report = new ReportEndpoints(Requests, connections, Book, Prices, Damages, scenario);
    }

    public RequestLog Requests { get; }

    public BillingBook Book { get; }

    public ModelCatalogue Prices { get; } = new();

    public AnswerDamages Damages { get; } = new();

    /// <summary>The script for requests without their own.</summary>
    public FakeScript DefaultScript { get; set; } = FakeScript.None;

    public async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path.Value!.StartsWith("/__", StringComparison.Ordinal))
        {
            context.Features.Get<HeadTap>()?.TakeHeaders();
            await _report.AnswerAsync(context);
            context.Features.Get<HeadTap>()?.Rearm();
            return;
        }

        FakeScript script;
        try
        {
            script = ScriptOf(context.Request);
        }
        catch (FormatException fault)
        {
            context.Response.StatusCode = StatusCodes.Status501NotImplemented;
            await context.Response.WriteAsync(fault.Message);
            return;
        }

        var record = Record(context, script);
        await using var aborted = context.RequestAborted.UnsafeRegister(
            static record => ((ReceivedRequest?)record)?.SetEnd(ReceivedEnd.ClientAborted),
            record);
        try
        {
            await AnswerAsync(context, script, record);
            await context.Response.CompleteAsync();
            record?.SetEnd(context.RequestAborted.IsCancellationRequested ? ReceivedEnd.ClientAborted : ReceivedEnd.Complete);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException or BadHttpRequestException)
        {
            record?.SetEnd(ReceivedEnd.ClientAborted);
        }
        finally
        {
            context.Features.Get<HeadTap>()?.Rearm();
        }
    }

    /// <summary>The request's own script, else that of the scenario, else the default.</summary>
    private FakeScript ScriptOf(HttpRequest request)
    {
        var own = FakeScript.Parse(request.Headers);
        if (own is null or { IsNameOnly: true } && _scenario.Take(request) is { } lines)
        {
            return FakeScript.Parse(own is null ? lines : [.. lines, $"x-fake-id: {own.Id}"]);
        }

        return own ?? DefaultScript;
    }

    private ReceivedRequest? Record(HttpContext context, FakeScript script)
    {
        var number = Requests.NextNumber();
        if (!_options.Record)
        {
            return null;
        }

        var record = new ReceivedRequest(_time, Requests.NoteChange)
        {
            Number = number,
            Id = script.Id,
            Method = context.Request.Method,
            Target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget,
            Protocol = context.Request.Protocol,
            Connection = context.Connection.Id,
            Headers = context.Features.Get<HeadTap>()?.TakeHeaders() ?? HeadersOf(context.Request),
        };
        Requests.Add(record);
        return record;
    }

    // HTTP/2 has no bytes of a head to record.
    private static List<KeyValuePair<string, string>> HeadersOf(HttpRequest request) =>
        [.. request.Headers.SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value ?? "")))];

    private async Task AnswerAsync(HttpContext context, FakeScript script, ReceivedRequest? record)
    {
        var facts = RequestFacts.Unknown;
        byte[] body = [];
        if (!script.Early)
        {
            if (record is null && !_options.Book && !script.Echo)
            {
                facts = await BodyDrain.ReadAsync(context);
            }
            else
            {
                body = await ReadBodyAsync(context, record);
                facts = RequestFacts.Read(body);
            }
        }

        if (script.GoAway)
        {
            context.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
        }

        if (script.Refuse)
        {
            Refuse(context);
            return;
        }

        if (_options.Book && script.Id is { } id)
        {
            Book.AddRequest(id, script.Status ?? StatusCodes.Status200OK);
        }

        if (script.Echo || script.Body is not null || DialectOf(context.Request, facts) is not { } dialect)
        {
            if (await BeginAsync(context, script, record))
            {
                await AnswerOtherwiseAsync(context, script, record, body);
            }

            return;
        }

        // The request is billed from here on, regardless of the outcome of the response.
        var call = NewCall(context, script, facts, dialect);
        if (record is not null)
        {
            record.GenerationId = call.Values.Id;
        }

        var end = BookEnd.Cancelled;
        try
        {
            if (!await BeginAsync(context, script, record))
            {
                end = BookEnd.Failed;
                return;
            }

            end = await AnswerAsync(context, script, record, call);
        }
        finally
        {
            call.Bill.Finish(end);
        }
    }

    private static void Refuse(HttpContext context)
    {
        const int RefusedStream = 7;
        if (context.Features.Get<IHttpResetFeature>() is { } stream)
        {
            stream.Reset(RefusedStream);
        }
        else
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            context.Response.ContentType = "application/json";
            context.Response.BodyWriter.Write(PlainError(StatusCodes.Status503ServiceUnavailable, AnswerTemplates.Chat));
        }
    }

    /// <summary>Prepares the response. Returns <see langword="false"/> if the script wants none.</summary>
    private async Task<bool> BeginAsync(HttpContext context, FakeScript script, ReceivedRequest? record)
    {
        if (script.Close)
        {
            record?.SetEnd(ReceivedEnd.Cut);
            context.Abort();
            return false;
        }

        if (script.Delay > TimeSpan.Zero)
        {
            await Task.Delay(script.Delay, _time, context.RequestAborted);
        }

        context.Response.StatusCode = script.Status ?? StatusCodes.Status200OK;
        if (script.Gzip)
        {
            context.Response.Headers.ContentEncoding = "gzip";
        }

        return true;
    }

    private async Task AnswerOtherwiseAsync(HttpContext context, FakeScript script, ReceivedRequest? record, byte[] received)
    {
        if (!script.Echo && script.Body is null && context.Request.Path.StartsWithSegments(BasePath) && Damages.Take(context.Request) is { } damage)
        {
            await damage.AnswerAsync(context, OtherAnswers.Render(context, Book, Prices, record));
            return;
        }

        await using var writer = new AnswerWriter(context, script, record, bill: null, _time);
        if (script.Echo)
        {
            Head(context, script, context.Request.ContentType ?? "application/octet-stream");
            await WriteWholeAsync(context, script, writer, received);
        }
        else if (script.Body is { } body)
        {
            Head(context, script, "application/json");
            await WriteWholeAsync(context, script, writer, body);
        }
        else
        {
            Head(context, script, "application/json");
            var answer = script.Status >= 400
                ? PlainError(script.Status.Value, AnswerTemplates.Chat)
                : OtherAnswers.Render(context, Book, Prices, record);
            await WriteWholeAsync(context, script, writer, answer);
        }
    }

    private async Task<BookEnd> AnswerAsync(HttpContext context, FakeScript script, ReceivedRequest? record, Call call)
    {
        await using var writer = new AnswerWriter(context, script, record, call.Bill, _time);
        if (!script.NoGenerationId)
        {
            context.Response.Headers["X-Generation-Id"] = call.Values.Id;
        }

        if (script.Status >= 400)
        {
            Head(context, script, "application/json");
            await WriteWholeAsync(context, script, writer, PlainError(script.Status.Value, call.Dialect));
        }
        else if (call.Streams)
        {
            Head(context, script, "text/event-stream");
            context.Response.Headers.CacheControl = "no-cache";
            return await StreamAnswer.WriteAsync(script, writer, record, call) ? BookEnd.Complete : BookEnd.Failed;
        }
        else
        {
            Head(context, script, "application/json");
            await WriteJsonAsync(context, script, writer, script.ErrorInside ? call.Dialect.ErrorInside : call.Dialect.Json, call.Values);
        }

        return writer.IsCut ? BookEnd.Failed : BookEnd.Complete;
    }

    private Call NewCall(HttpContext context, FakeScript script, RequestFacts facts, Dialect dialect)
    {
        var model = facts.Model == ModelCatalogue.RouterModel ? ModelCatalogue.RoutedModel : facts.Model;
        var provider = facts.Provider ?? "FakeProvider";
        var streams = dialect.Stream is not null && (facts.Stream || script.Stream) && script.Status is null or < 400;
        var bill = new BookEntry(_time, script, Prices.PriceOf(model))
        {
            Id = $"gen-{_options.Seed:D10}-{Interlocked.Increment(ref _generations):D8}",
            Key = _options.Book ? BillingBook.MarkOf(context.Request) ?? "" : "",
            Endpoint = context.Request.Path.Value![BasePath.Length..],
            Model = model ?? ModelCatalogue.RouterModel,
            Provider = provider,
            Streams = streams,
        };
        if (_options.Book)
        {
            Book.Add(bill);
        }

        var values = new AnswerValues
        {
            Id = bill.Id,
            Model = JsonEncodedText.Encode(bill.Model),
            Provider = JsonEncodedText.Encode(provider),
            Usage = bill.WholeUsage,
            TellsUsage = !script.NoUsage,
        };
        return new Call(dialect, values, bill, streams);
    }

    private static void Head(HttpContext context, FakeScript script, string contentType)
    {
        context.Response.ContentType = script.ContentType ?? contentType;
        foreach (var (name, value) in script.Headers)
        {
            context.Response.Headers.Append(name, value);
        }
    }

    private static async Task WriteJsonAsync(
        HttpContext context, FakeScript script, AnswerWriter writer, AnswerTemplate template, AnswerValues values)
    {
        values.Text = "Hello from the scripted upstream."u8.ToArray();
        var buffer = new ArrayBufferWriter<byte>(Math.Max(1024, script.Size + 64));
        template.Write(buffer, values);
        if (script.Size > buffer.WrittenCount)
        {
            values.Text = StreamAnswer.Filler(script.Size - buffer.WrittenCount + values.Text.Length);
            buffer.ResetWrittenCount();
            template.Write(buffer, values);
        }

        await WriteWholeAsync(context, script, writer, buffer.WrittenMemory);
    }

    private static async Task WriteWholeAsync(HttpContext context, FakeScript script, AnswerWriter writer, ReadOnlyMemory<byte> body)
    {
        if (!script.Chunked && !script.Gzip)
        {
            context.Response.ContentLength = script.Whitespace + body.Length;
        }

        if (script.FirstByteDelay > TimeSpan.Zero || script.Step || script.Whitespace > 0 || script.CutAtByte is 0)
        {
            await writer.FlushHeadersAsync();
            await writer.PauseAsync(script.FirstByteDelay);
        }

        for (var i = 0; i < script.Whitespace; i++)
        {
            await writer.WriteAsync(Blank);
            await writer.PauseAsync(script.WhitespaceInterval);
        }

        await writer.WriteAsync(body);
    }

    private static byte[] PlainError(int status, Dialect dialect)
    {
        var text = status.ToString(CultureInfo.InvariantCulture);
        return System.Text.Encoding.UTF8.GetBytes(
            dialect == AnswerTemplates.Messages
                ? """{"type":"error","error":{"type":"api_error","message":"Scripted error """ + text + "\"},\"request_id\":null}"
                : $$$"""
                   {"error":{"code":{{{text}}},"message":"Scripted error {{{text}}}","metadata":{"provider_name":"FakeProvider"}},"user_id":"u"}
                   """);
    }

    private static Dialect? DialectOf(HttpRequest request, RequestFacts facts)
    {
        return request.Method != HttpMethods.Post
            ? null
            : request.Path.Value switch
            {
                BasePath + "/chat/completions" => AnswerTemplates.Chat,
                BasePath + "/completions" => AnswerTemplates.Completions,
                BasePath + "/responses" => AnswerTemplates.Responses,
                BasePath + "/messages" => AnswerTemplates.Messages,
                BasePath + "/embeddings" => facts.Base64 ? AnswerTemplates.EmbeddingsBase64 : AnswerTemplates.Embeddings,
                BasePath + "/rerank" => AnswerTemplates.Rerank,
                BasePath + "/images" or BasePath + "/images/generations" => AnswerTemplates.Images,
                _ => null,
            };
    }

    private async Task<byte[]> ReadBodyAsync(HttpContext context, ReceivedRequest? record)
    {
        using var body = new MemoryStream((int)Math.Min(context.Request.ContentLength ?? 0, 256 * 1024 * 1024));
        try
        {
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        }
        finally
        {
            record?.SetPartialBody(body.Length);
        }

        var bytes = body.Length == body.Capacity ? body.GetBuffer() : body.ToArray();
        if (record is not null)
        {
            record.SetBody(bytes);
            Requests.KeepBody(bytes.Length);
        }

        return bytes;
    }
}
