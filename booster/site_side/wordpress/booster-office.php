<?php
/**
 * Plugin Name: Booster Office, the site's side
 * Description: Counts plays exactly, says for an order how many it counted, and can hold plays back.
 * Version: 1
 *
 * In wp-config.php: define('BOOSTER_OFFICE_TOKEN', '...');   the token of the site's page in the office
 * Optional:         define('BOOSTER_OFFICE_RATE', 20);       most plays a second
 *                   define('BOOSTER_OFFICE_BRAKE', '/path'); while this file exists, no play is taken
 *                   define('BOOSTER_OFFICE_META', 'views');  the post's field that holds its count
 */
defined('ABSPATH') || exit;

register_activation_hook(__FILE__, function () {
    global $wpdb;
    $charset = $wpdb->get_charset_collate();
    $wpdb->query("CREATE TABLE IF NOT EXISTS {$wpdb->prefix}booster_plays (play_order VARCHAR(64) NOT NULL,
        play_key VARCHAR(120) NOT NULL, PRIMARY KEY (play_order, play_key)) ENGINE=InnoDB $charset");
    $wpdb->query("CREATE TABLE IF NOT EXISTS {$wpdb->prefix}booster_seconds (second BIGINT NOT NULL PRIMARY KEY,
        plays INT NOT NULL) ENGINE=InnoDB $charset");
});

function booster_office_field() {
    return defined('BOOSTER_OFFICE_META') ? BOOSTER_OFFICE_META : 'views';
}

function booster_office_send($body, $type = 'application/json') {
    status_header($body === null ? 503 : 200);
    header("Content-Type: $type");
    header('Cache-Control: no-store');
    echo is_string($body) ? $body : wp_json_encode($body);
    exit;
}

/* The token, and what was counted of an order. */
add_action('parse_request', function () {
    global $wpdb;
    if (!defined('BOOSTER_OFFICE_TOKEN')) {
        return;
    }
    $name = '/booster-office-' . BOOSTER_OFFICE_TOKEN;
    $path = (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    if ($path === "$name.txt" || $path === "/.well-known$name.txt") {
        booster_office_send(BOOSTER_OFFICE_TOKEN, 'text/plain');
    } elseif ($path === "/.well-known$name/") {
        $policy = defined('BOOSTER_OFFICE_RATE') ? array('max_rate' => BOOSTER_OFFICE_RATE) : new stdClass();
        booster_office_send(array('version' => 1, 'counts_by_order' => true, 'policy' => $policy));
    } elseif (strpos($path, "/.well-known$name/orders/") === 0) {
        $order = rawurldecode(basename($path));
        $counted = $wpdb->get_var($wpdb->prepare(
            "SELECT COUNT(*) FROM {$wpdb->prefix}booster_plays WHERE play_order = %s", $order));
        booster_office_send($counted === null ? null : array('order' => $order, 'counted' => (int) $counted));
    }
});

/* Plays: POST /wp-json/booster-office/v1/plays/<post>; the count: GET .../views/<post>, which is no view. */
add_action('rest_api_init', function () {
    $open = array('permission_callback' => '__return_true');
    register_rest_route('booster-office/v1', '/plays/(?P<post>\d+)',
        $open + array('methods' => 'POST', 'callback' => 'booster_office_play'));
    register_rest_route('booster-office/v1', '/views/(?P<post>\d+)',
        $open + array('methods' => 'GET', 'callback' => function ($request) {
            $views = (int) get_post_meta((int) $request['post'], booster_office_field(), true);
            return new WP_REST_Response(array('views' => $views), 200, array('Cache-Control' => 'no-store'));
        }));
});

function booster_office_play($request) {
    global $wpdb;
    $post = (int) $request['post'];
    $order = (string) $request->get_header('X-Play-Order');
    $key = (string) ($request->get_header('Idempotency-Key') ?: $request->get_header('X-Play-Key'));
    if (!get_post($post) || !preg_match('/^[\w.-]{1,64}$/', $order) || $key === '' || strlen($key) > 120) {
        return new WP_REST_Response(array('error' => 'a post, X-Play-Order and Idempotency-Key'), 400);
    }
    if (defined('BOOSTER_OFFICE_BRAKE') && file_exists(BOOSTER_OFFICE_BRAKE)) {
        return new WP_REST_Response(null, 503, array('Retry-After' => '60'));
    }
    if (defined('BOOSTER_OFFICE_RATE')) {
        if (wp_rand(0, 999) === 0) {
            $wpdb->query($wpdb->prepare("DELETE FROM {$wpdb->prefix}booster_seconds WHERE second < %d", time() - 60));
        }
        $wpdb->query($wpdb->prepare("INSERT INTO {$wpdb->prefix}booster_seconds VALUES (%d, LAST_INSERT_ID(1))
            ON DUPLICATE KEY UPDATE plays = LAST_INSERT_ID(plays + 1)", time()));
        if ((int) $wpdb->get_var('SELECT LAST_INSERT_ID()') > BOOSTER_OFFICE_RATE) {
            return new WP_REST_Response(null, 429, array('Retry-After' => '1'));
        }
    }
    $wpdb->query('START TRANSACTION');
    $wpdb->query($wpdb->prepare("SELECT ID FROM {$wpdb->posts} WHERE ID = %d FOR UPDATE", $post)); /* one field */
    add_post_meta($post, booster_office_field(), 0, true);
    $new = $wpdb->query($wpdb->prepare("INSERT IGNORE INTO {$wpdb->prefix}booster_plays VALUES (%s, %s)", $order, $key));
    $done = $new === 0 || $new && $wpdb->query($wpdb->prepare( /* 0: counted before; false: refused */
        "UPDATE {$wpdb->postmeta} SET meta_value = meta_value + 1 WHERE post_id = %d AND meta_key = %s",
        $post, booster_office_field()));
    $wpdb->query($done ? 'COMMIT' : 'ROLLBACK');
    wp_cache_delete($post, 'post_meta');
    return new WP_REST_Response(array('counted' => (bool) $new), $done ? 200 : 500);
}
