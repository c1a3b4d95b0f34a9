// Whether every store keeps what src/shop/contract.d.ts promises. The checker
// reads this file; nothing runs it.

import type * as promised from "../src/shop/contract.js";
import * as clock from "../src/shared/clock.js";
import * as format from "../src/shared/format.js";
import * as i18n from "../src/shared/i18n.js";
import * as theme from "../src/shared/theme.js";
import * as basket from "../src/shop/basket.js";
import * as catalogue from "../src/shop/catalogue.js";
import * as orders from "../src/shop/orders.js";
import * as route from "../src/shop/route.js";
import * as seats from "../src/shop/seats.js";
import * as session from "../src/shop/session.js";

clock satisfies promised.ClockStore;
format satisfies promised.FormatStore;
i18n satisfies promised.I18nStore;
theme satisfies promised.ThemeStore;
basket satisfies promised.BasketStore;
catalogue satisfies promised.CatalogueStore;
orders satisfies promised.OrdersStore;
route satisfies promised.RouteStore;
seats satisfies promised.SeatsStore;
session satisfies promised.SessionStore;
