namespace LlmService.App.Evaluation;

/// <summary>The eight documents that <c>evaluate</c> uses unless a file names others. Every expected tag stands in its text.</summary>
internal static class BuiltInCases
{
    public static readonly IReadOnlyList<EvaluationCase> All =
    [
        Case("Architecture", ["software architecture", "microservices", "message queue", "database", "scalability"], """
            The booking platform was rebuilt last year with a new software architecture. The old system was one large program; the new one is a set
            of small microservices, each with a database of its own. Services never read each other's database. When something happens, a service
            writes an event to the message queue, and every service that cares about the event picks it up from there. This keeps the microservices
            independent: the payment service can be restarted in the middle of the day, and bookings simply wait in the message queue until it is
            back. The architecture has its price. A report that needs data from three services can no longer be written as one query, so a copy of
            the events is kept in a separate database for analysis. In return, scalability is no longer a worry. Before the summer holidays we start
            more copies of the search service, and nothing else has to change. Scalability was the main reason for the whole effort.
            """),
        Case("Roadmap", ["product roadmap", "mobile app", "offline mode", "integrations", "priorities"], """
            This is the product roadmap for the coming year. In the first quarter we finish the mobile app, which has been in a closed beta since
            October; its public release is planned for the middle of March. The second quarter belongs to offline mode. Field technicians often work
            in cellars without a network, and offline mode is the feature that customers ask for most. The mobile app will store the jobs of the day
            and send the results as soon as there is a connection. The second half of the roadmap is less certain. We want to open the calendar to
            other programs; integrations with the two largest accounting systems come first, and further integrations depend on demand. Two things
            were taken off the product roadmap: the desktop program will get no new features, and translations into more languages must wait until
            next year. Priorities are reviewed with the sales team at the end of every quarter, and a change of priorities is announced in the same
            week.
            """),
        Case("Brand", ["brand guidelines", "logo", "typography", "tone of voice", "visual identity"], """
            These brand guidelines explain how our company presents itself. The heart of the brand is the logo: a green kingfisher in front of a
            white circle. The logo is never stretched, turned or placed on a busy photograph, and around it there is always as much free space as
            the beak of the bird is long. On dark backgrounds use the white version of the logo. Typography comes next. Headlines are set in
            Merriweather, everything else in Source Sans; good typography needs no third typeface. The tone of voice matters as much as the looks.
            We write the way a helpful neighbour speaks: short sentences, plain words, no exclamation marks. That tone of voice is the same in an
            advertisement, in an invoice and in the answer to a complaint. Partners who are unsure whether something fits our visual identity send a
            draft to the design team before it is printed. The brand guidelines are updated every spring, and a consistent visual identity is worth
            a day of waiting.
            """),
        Case("User research", ["user research", "interviews", "onboarding", "usability", "customer feedback"], """
            In May we carried out user research with twenty-two people who had signed up for the budgeting app a month before. Fourteen interviews
            took place by video, eight at the homes of the participants. The goal of the interviews was to learn why so many people give up during
            onboarding. The most important finding: onboarding asks for too much too early. Participants were willing to connect a bank account, but
            not before they had seen what the app would do for them. Two thirds stopped at that step. Usability problems added to this. The button
            that continues was below the edge of small screens, and several participants believed that the app had frozen. A usability test with a
            changed prototype, which shows example figures first, brought almost everybody to the end of the onboarding. The user research also
            showed that nobody reads the help pages. Customer feedback reaches us almost only through reviews in the app store, so we recommend to
            give customer feedback a place inside the app.
            """),
        Case("API documentation", ["REST API", "authentication", "pagination", "rate limit", "webhooks"], """
            The REST API gives programs access to invoices, customers and payments. Every request to the API needs authentication: send your API key
            in the Authorization header. Keys for the test environment begin with "test", keys for real data with "live". A request without valid
            authentication is answered with status 401. Long lists are returned in pages. Pagination uses a cursor: each answer has a field called
            "next", and you pass its value with the following request. Do not build cursors yourself; pagination breaks when records are deleted in
            between. The rate limit is one hundred requests per minute and key. Whoever exceeds the rate limit receives status 429 and a header that
            says how many seconds to wait. If you only want to know when an invoice was paid, do not ask again and again. Register webhooks instead,
            and the REST API sends a message to your server as soon as the payment arrives. Webhooks are repeated for a day until your server
            confirms them, and each carries a signature that you should check.
            """),
        Case("Finance", ["quarterly report", "revenue", "operating costs", "profit margin", "cash flow", "forecast"], """
            The quarterly report shows a company that grows more slowly but earns more. Revenue in the third quarter rose by four percent to 18.6
            million euros; a year ago, revenue had grown by eleven percent. The subscription business brought in most of it, while consulting shrank
            for the second time in a row. Operating costs fell by two percent. The move to a smaller office saves sixty thousand euros a month, and
            no open positions were filled over the summer. As a result the profit margin reached fourteen percent, the best value since the company
            was founded. Cash flow was positive as well: after all investments, 1.9 million euros remained. Part of this cash flow will be used to
            repay the bank loan early. The forecast for the full year is revenue of 75 million euros and a profit margin of about thirteen percent,
            since operating costs usually rise before Christmas. The forecast assumes that no large customer leaves. The next quarterly report
            appears in February.
            """),
        Case("Marketing", ["marketing campaign", "target group", "social media", "newsletter", "conversion rate", "advertising budget"], """
            The marketing campaign for the new running shoe starts on the first of April and lasts six weeks. Its target group is people between
            thirty and fifty who have taken up running within the last two years. Most of this target group owns one pair of shoes and buys advice
            rather than technology, so the marketing campaign shows beginners, not athletes. Social media takes the largest part of the work. Three
            short films appear on social media every week, each with a runner who tells of the first five kilometres. The newsletter goes to forty
            thousand subscribers and offers a free training plan; whoever downloads the plan receives a voucher a week later. We measure success by
            the conversion rate of the online shop. It stands at 1.8 percent today, and the campaign should bring the conversion rate to 2.5
            percent. If the newsletter works better than the films after two weeks, part of the advertising budget is moved. The advertising budget
            as a whole stays as it is.
            """),
        Case("Privacy", ["privacy policy", "personal data", "consent", "cookies", "data protection", "data retention"], """
            This privacy policy tells you what happens to your personal data when you borrow books from the city library. To issue a library card we
            store your name, your address and your date of birth. The loan of a book is stored until you bring it back; afterwards the record is
            deleted overnight, and nobody can see what you have read. Our website uses two cookies. One keeps you logged in, the other remembers the
            language that you chose. Cookies for advertising do not exist here. If you would like to receive recommendations, we ask for your
            consent first, because they need a history of your loans. You can withdraw your consent at any time, and the history is erased on the
            same day. We share personal data with nobody except the printer who makes the cards. Our data protection officer answers questions
            within four weeks. Data retention ends two years after your card expires; only unpaid fees are kept for longer. If you think that we
            break data protection law, you may complain to the authority.
            """),
    ];

    private static EvaluationCase Case(string name, string[] tags, string text) => new(name, text.ReplaceLineEndings(" ").Trim(), tags);
}
