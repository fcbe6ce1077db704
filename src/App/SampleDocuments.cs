namespace LlmService.App;

/// <summary>A document with a title.</summary>
internal sealed record SampleDocument(string Title, string Text);

/// <summary>The documents that <c>quick-test</c> runs a model on.</summary>
internal static class SampleDocuments
{
    public static readonly IReadOnlyList<SampleDocument> All =
    [
        new("Architecture note", """
            The order service is split into three parts that talk through a message queue. The web front end accepts an order, checks that every
            field is present and writes one message. It never waits for the warehouse. A worker takes the message, reserves the goods in the stock
            database and writes a second message for billing. The billing worker charges the card and sends the receipt. Each message carries an
            order number, and both workers store the numbers that they have handled, so a message that is delivered twice does no harm. If the
            stock database is down, messages wait in the queue for up to four days and are handled in order when it returns. We chose the queue
            over direct calls because the warehouse system is stopped for maintenance every Sunday, and customers should be able to order at any
            time. The price is that a customer learns only after some seconds whether the goods are really there. All three parts write traces with
            the order number, so support can follow one order through the whole system. The next step is to move the stock database to its own
            machine, because reports that the finance team runs at the end of the month slow down reservations.
            """),
        new("Product plan", """
            In the first quarter we will release the mobile app to all customers in Germany and Austria. The app shows bookings, sends a reminder
            one day before each appointment and lets the customer move an appointment without calling. A test with four hundred customers in the
            autumn cut missed appointments by a third, and nine of ten testers kept the app. In the second quarter we add payment, because most
            salons told us that chasing unpaid invoices costs them two hours a week. Payment needs a contract with a bank and a security review,
            which is why it does not come first. In the third quarter we open the programming interface to partners who sell accounting software.
            We will not build a web shop this year: only five salons asked for one, and the market is crowded. The team grows by two developers
            and one designer. The largest risk is the review in the app stores, which took six weeks last time; we therefore hand in the first
            version in January, with fewer features than we would like. We count the plan a success if half of all appointments are booked in the
            app by December.
            """),
        new("Privacy policy", """
            We collect only the data that we need to run your account. That is your name, your e-mail address and the orders that you place with
            us. When you visit our website, our server also records your network address and the pages that you open; we delete these records after
            fourteen days. We use your e-mail address to confirm orders and to answer your questions. We send a newsletter only if you asked for
            it, and every letter has a link to end it. We do not sell your data. We share your delivery address with the parcel company that brings
            your order, and your payment data go directly to the payment company, so we never see the number of your card. Our servers are in
            Finland. Invoices are kept for ten years because the law demands it; everything else is deleted within thirty days after you close your
            account. You may ask us at any time which data we hold about you, have wrong data corrected, and have your data deleted. Write to our
            privacy officer, who answers within one month. If you think that we handle your data wrongly, you may complain to the data protection
            authority of your country.
            """),
    ];
}
