// The frame of the shop: what stands around every page, and which page stands in it.

import { useEffect } from "preact/hooks";
import { t } from "../../shared/i18n.js";
import { follow, route } from "../route.js";
import { BasketBar } from "./BasketBar.jsx";
import { Ended } from "./Ended.jsx";
import { EnterDialog } from "./EnterDialog.jsx";
import { EventPage } from "./EventPage.jsx";
import { EventsPage } from "./EventsPage.jsx";
import { Footer, Header } from "./Header.jsx";
import { MePage } from "./MePage.jsx";
import { listen } from "./news.js";
import { NowherePage } from "./NowherePage.jsx";
import { PurchasePage } from "./PurchasePage.jsx";
import { Status } from "./Status.jsx";

export function App() {
  useEffect(() => {
    document.addEventListener("click", follow);
    const deaf = listen();
    return () => { document.removeEventListener("click", follow); deaf(); };
  }, []);
  const at = route.value;
  return (
    <div class="frame">
      <a class="skip" href="#main">{t("skip")}</a>
      <Header />
      <main id="main" tabIndex={-1}><Ended />{page(at)}</main>
      <Footer />
      <BasketBar />
      <EnterDialog />
      <Status />
    </div>
  );
}

/** @param {import("../contract.js").Route} at */
function page(at) {
  switch (at.page) {
    case "events": return <EventsPage />;
    case "event": return <EventPage key={at.id} id={at.id} />;
    case "purchase": return <PurchasePage key={at.tx} tx={at.tx} />;
    case "me": return <MePage />;
    default: return <NowherePage />;
  }
}
